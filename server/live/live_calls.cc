// What operators do to workers, chains and the gateway.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/live/live_view.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr Millis kDefaultDrain{60'000};
constexpr Millis kLongestDrain{24 * 3'600'000};
constexpr size_t kLongestReason = 1'000;

absl::Status CheckReason(const std::string& reason) {
  if (reason.size() <= kLongestReason) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the reason has ", reason.size(), " bytes; allowed: ", kLongestReason));
}

// What the worker is told.
std::string ForWorker(const char* what, const std::string& reason) {
  return absl::StrCat(what, reason.empty() ? "" : ": ", reason);
}

}  // namespace

absl::Status LiveView::DrainWorker(const AdminCaller& caller, const v1::DrainWorkerRequest& request,
                                   v1::DrainWorkerResponse& response) {
  if (absl::Status status = CheckReason(request.reason()); !status.ok()) return status;
  if (request.within_ms() > static_cast<uint64_t>(kLongestDrain.count())) {
    return absl::InvalidArgumentError("a worker may be given a day at most");
  }
  const absl::StatusOr<std::shared_ptr<Session>> session = parts_.workers.FindOpen(request.worker());
  if (!session.ok()) return session.status();
  const Millis within = request.within_ms() == 0 ? kDefaultDrain : Millis(request.within_ms());
  (*session)->Drain(parts_.clock.Now() + within, ForWorker("an operator drains this worker", request.reason()));
  if (const auto now = (*session)->Describe()) WorkerToProto(*now, *response.mutable_worker());
  log::Info("worker is drained by an operator", {{"session", (*session)->number()}, {"by", caller.who}});
  return absl::OkStatus();
}

absl::Status LiveView::DisconnectWorker(const AdminCaller& caller, const v1::DisconnectWorkerRequest& request,
                                        v1::DisconnectWorkerResponse& response) {
  if (absl::Status status = CheckReason(request.reason()); !status.ok()) return status;
  const absl::StatusOr<std::shared_ptr<Session>> session = parts_.workers.FindOpen(request.worker());
  if (!session.ok()) return session.status();
  if (const auto before = (*session)->Describe()) WorkerToProto(*before, *response.mutable_worker());
  (*session)->Shutdown(ForWorker("an operator disconnects this worker", request.reason()));
  log::Info("worker is disconnected by an operator", {{"session", (*session)->number()}, {"by", caller.who}});
  return absl::OkStatus();
}

absl::Status LiveView::PauseChain(const AdminCaller& caller, const v1::PauseChainRequest& request,
                                  v1::PauseChainResponse& response) {
  if (absl::Status status = CheckReason(request.reason()); !status.ok()) return status;
  if (parts_.ending()) return absl::UnavailableError("the gateway shuts down");
  const ChainRef chain = parts_.chains.Find(request.chain());
  if (chain.get() == nullptr) {
    constexpr size_t kMostShown = 10;
    return absl::NotFoundError(absl::StrCat("there is no chain '", request.chain(), "' now; there are: ",
                                            absl::StrJoin(parts_.chains.Names(kMostShown), ", ")));
  }
  const absl::StatusOr<bool> added = pauses_->Add(
      chain->name, {.since_unix_ms = parts_.clock.UnixMillis(), .by = caller.who, .reason = request.reason()},
      [&] { parts_.dispatcher.PauseChain(*chain); });
  if (!added.ok()) return added.status();
  paused_.Set(static_cast<int64_t>(pauses_->all().size()));
  response.set_unchanged(!*added);
  response.set_durable(pauses_->durable());
  if (*added) {
    log::Warning("chain paused: nothing of it is delivered",
                 {{"chain", chain->name}, {"by", caller.who}, {"reason", request.reason()}});
  }
  return Find(chain->name, *response.mutable_chain());
}

absl::Status LiveView::ResumeChain(const AdminCaller& caller, const v1::ResumeChainRequest& request,
                                   v1::ResumeChainResponse& response) {
  if (parts_.ending()) return absl::UnavailableError("the gateway shuts down");
  const ChainRef chain = parts_.chains.Find(request.chain());
  if (chain.get() == nullptr) return absl::NotFoundError(absl::StrCat("there is no chain '", request.chain(), "' now"));
  const absl::StatusOr<bool> removed = pauses_->Remove(chain->name, [&] { parts_.dispatcher.ResumeChain(*chain); });
  if (!removed.ok()) return removed.status();
  paused_.Set(static_cast<int64_t>(pauses_->all().size()));
  response.set_unchanged(!*removed);
  if (*removed) log::Info("chain resumed", {{"chain", chain->name}, {"by", caller.who}});
  // One that is named by nobody any more may just have been forgotten.
  if (!Find(chain->name, *response.mutable_chain()).ok()) response.mutable_chain()->set_name(chain->name);
  return absl::OkStatus();
}

absl::Status LiveView::DrainGateway(const AdminCaller& caller, const v1::DrainGatewayRequest& request,
                                    v1::DrainGatewayResponse& response) {
  if (absl::Status status = CheckReason(request.reason()); !status.ok()) return status;
  if (parts_.ending()) return absl::UnavailableError("the gateway shuts down");
  const std::string reason =
      absl::StrCat("drained by ", caller.who, request.reason().empty() ? "" : ": ", request.reason());
  {
    MutexLock lock(mutex_);
    drained_ = reason;
    parts_.intake.Drain(reason, /*leave_shared=*/!parts_.keeps_shares());
  }
  response.set_unsettled(parts_.dispatcher.Backlog());
  response.set_unconfirmed(parts_.outbox.outstanding());
  log::Warning("gateway drained: it takes nothing more", {{"by", caller.who}, {"reason", request.reason()}});
  return absl::OkStatus();
}

absl::Status LiveView::ResumeGateway(const AdminCaller& caller, const v1::ResumeGatewayRequest& /*request*/,
                                     v1::ResumeGatewayResponse& /*response*/) {
  if (parts_.ending()) return absl::UnavailableError("the gateway shuts down");
  {
    MutexLock lock(mutex_);
    drained_.clear();
    parts_.intake.Undrain();
  }
  log::Info("gateway resumed: it takes messages again", {{"by", caller.who}});
  return absl::OkStatus();
}

std::string LiveView::drained() const {
  MutexLock lock(mutex_);
  return drained_;
}

std::string LiveView::DescribePauses() const {
  constexpr size_t kMostShown = 10;
  std::vector<std::string> names;
  const ChainPauses::Pauses all = pauses_->all();
  for (const auto& [name, pause] : all) {
    if (names.size() < kMostShown) names.push_back(name);
  }
  if (names.empty()) return "";
  return absl::StrCat(all.size() == 1 ? "paused: " : absl::StrCat(all.size(), " are paused: "),
                      absl::StrJoin(names, ", "), all.size() > kMostShown ? ", …" : "");
}

}  // namespace sluice
