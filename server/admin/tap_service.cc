#include "server/admin/tap_service.h"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/message/topic.h"
#include "server/queue/verdict.h"
#include "server/runtime/text.h"
#include "sluice/v1/tap.pb.h"

namespace sluice {
namespace {

constexpr uint32_t kDefaultRate = 100;
constexpr uint32_t kMostRate = 10'000;
constexpr uint32_t kMostPayload = 65'536;
// How soon it is seen that nobody looks any more, or may.
constexpr Millis kLookUp{250};

absl::StatusOr<TapFilter> FilterOf(const v1::TailRequest& request) {
  if (!request.topic().empty()) {
    if (absl::Status status = CheckTopicFilter(request.topic()); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("topic: ", status.message()));
    }
  }
  if (!request.outcome().empty() && std::ranges::find(kVerdictNames, request.outcome()) == kVerdictNames.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("outcome: '", request.outcome(), "' is none; allowed: ", text::Join(kVerdictNames, ", ")));
  }
  TapFilter filter{.topic = request.topic(),
                   .chain = request.chain(),
                   .worker = request.worker(),
                   .outcome = request.outcome(),
                   .rate = request.rate() == 0 ? kDefaultRate : std::min(request.rate(), kMostRate),
                   .payload_bytes = std::min(request.payload_bytes(), kMostPayload)};
  for (const int step : request.steps()) {
    if (step <= 0 || !v1::PassingStep_IsValid(step)) return absl::InvalidArgumentError("steps: there is no such step");
    filter.steps.push_back(static_cast<PassingStep>(step));
  }
  return filter;
}

void ToProto(PassingEvent& event, v1::PassingEvent& out) {
  out.set_step(static_cast<v1::PassingStep>(event.step));
  out.set_at_unix_ms(event.at_unix_ms);
  out.set_message_id(event.message_id.ToString());
  out.set_topic(std::move(event.topic));
  out.set_qos(static_cast<uint32_t>(event.qos));
  out.set_retain(event.retain);
  out.set_connection(std::move(event.connection));
  out.set_chain(std::move(event.chain));
  out.set_worker(std::move(event.worker));
  out.set_attempt(event.attempt);
  out.set_outcome(std::move(event.outcome));
  out.set_detail(std::move(event.detail));
  out.set_payload_bytes(event.payload_bytes);
  out.set_payload(std::move(event.payload));
}

}  // namespace

rpc::Service MakeTapService(Tap& tap, AdminGuard& guard, rpc::WorkerPool& pool, const Clock& clock) {
  const auto tail = [&tap, &guard, &clock](rpc::SyncCall& call, const v1::TailRequest& request,
                                           const std::function<bool(const v1::TailResponse&)>& write) -> absl::Status {
    const AdminRole needed = request.payload_bytes() > 0 ? AdminRole::kOperator : AdminRole::kViewer;
    const absl::StatusOr<std::shared_ptr<const AdminStay>> stay = guard.EnterToStay("Tail", needed, call);
    if (!stay.ok()) return stay.status();
    absl::StatusOr<TapFilter> filter = FilterOf(request);
    const absl::StatusOr<std::shared_ptr<Tap::Viewer>> viewer =
        filter.ok() ? tap.Open(*std::move(filter)) : absl::StatusOr<std::shared_ptr<Tap::Viewer>>(filter.status());
    const absl::Status& status = viewer.status();
    guard.Note("Tail", needed, (*stay)->caller(), status,
               absl::StrCat("topic '", request.topic(), "' chain '", request.chain(), "'"));
    if (!status.ok()) return status;
    while (!call.cancelled()) {
      Tap::Seen seen = tap.Take(**viewer, clock.Now() + kLookUp);
      if (seen.events.empty() && seen.dropped == 0) continue;
      v1::TailResponse response;
      response.set_dropped(seen.dropped);
      for (PassingEvent& event : seen.events) ToProto(event, *response.add_events());
      if (!write(response)) break;
    }
    return absl::OkStatus();
  };
  return {.name = kTapServiceName,
          .methods = {{.name = "Tail", .make = rpc::ServerStreaming<v1::TailRequest, v1::TailResponse>(pool, tail)}}};
}

}  // namespace sluice
