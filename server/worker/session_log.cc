// What a session says in the log, and counts, about its life.
#include <string>

#include "server/telemetry/log.h"
#include "server/worker/session.h"

namespace sluice {
namespace {

bool IsWorkersFault(EndReason reason) {
  return reason == EndReason::kInvalid || reason == EndReason::kSilent || reason == EndReason::kResultsUnread;
}

// Of one that crashes, or is thrown out, and not of one that leaves or is asked to.
bool IsLoss(EndReason reason) { return reason == EndReason::kLost || IsWorkersFault(reason); }

}  // namespace

void NoteRefusal(const SessionContext& context, std::string_view number, std::string_view peer,
                 const absl::Status& status) {
  context.metrics.refused.Add();
  const std::string detail(status.message());
  const std::string code = absl::StatusCodeToString(status.code());
  if (!context.log_limit.Admit("worker stream refused", code)) return;
  // The worker went away by itself, or is to come again.
  const bool usual = status.ok() || absl::IsCancelled(status) || absl::IsUnavailable(status);
  log::Write(usual ? log::Level::kInfo : log::Level::kWarning, "worker stream refused",
             {{"session", number}, {"peer", peer}, {"code", code}, {"detail", detail}});
}

std::optional<Session::Description> Session::Describe() {
  MutexLock lock(mutex_);
  if (!OpenLocked()) return std::nullopt;
  return Description{.number = number_,
                     .worker = worker_,
                     .sdk = sdk_,
                     .principal = identity_.name(),
                     .peer = peer_,
                     .user_agent = identity_.user_agent,
                     .age = std::chrono::duration_cast<Millis>(context_.clock.Now() - created_),
                     .session = session_,
                     .window = window_,
                     .stalled = stalled_,
                     .draining = state_ == State::kDraining};
}

bool Session::Description::IsCalled(std::string_view name) const {
  if (name.empty()) return false;
  return name == number || name == worker || name == std::string_view(worker).substr(0, worker.find('/'));
}

void Session::LogDrainLocked(const char* by, std::string_view reason) {
  if (!context_.log_limit.Admit("worker stream draining", by)) return;
  log::Info("worker stream draining", {{"session", number_}, {"worker", worker_}, {"by", by}, {"reason", reason}});
}

void Session::LogEnd() {
  MutexLock lock(mutex_);
  if (!opened_) {
    NoteRefusal(context_, number_, peer_, end_status_);
    return;
  }
  context_.metrics.ended[static_cast<size_t>(end_reason_)]->Add();
  context_.metrics.streams.Add(-1);
  const std::string detail(end_status_.message());
  const char* const reason = EndReasonName(end_reason_);
  const auto lasted = std::chrono::duration_cast<Millis>(context_.clock.Now() - created_);
  if (context_.crash_loops != nullptr && IsLoss(end_reason_)) {
    if (const size_t times = context_.crash_loops->OnLost(worker_, lasted); times > 0) {
      log::Warning("a worker starts and loses its stream again and again; look at its own log",
                   {{"worker", worker_},
                    {"peer", peer_},
                    {"times", times},
                    {"within_s", CrashLoops::kWithin.count() / 1'000},
                    {"last_reason", reason},
                    {"last_detail", detail}});
    }
  }
  if (!context_.log_limit.Admit("worker stream ended", reason)) return;
  log::Write(IsWorkersFault(end_reason_) ? log::Level::kWarning : log::Level::kInfo, "worker stream ended",
             {{"session", number_},
              {"worker", worker_},
              {"principal", identity_.name()},
              {"peer", peer_},
              {"reason", reason},
              {"detail", detail},
              {"delivered", delivered_},
              {"settled", settled_},
              {"lasted_ms", lasted.count()}});
}

}  // namespace sluice
