#include "server/worker/worker_metrics.h"

namespace sluice {
namespace {

constexpr const char* kBytesHelp = "Bytes of the frames of worker streams; in: from workers, out: to workers.";
constexpr const char* kFramesHelp = "Frames of worker streams; in: from workers, out: to workers.";

}  // namespace

const char* EndReasonName(EndReason reason) {
  switch (reason) {
    case EndReason::kDone:
      return "done";
    case EndReason::kLost:
      return "lost";
    case EndReason::kInvalid:
      return "invalid";
    case EndReason::kSilent:
      return "silent";
    case EndReason::kResultsUnread:
      return "results_unread";
    case EndReason::kDrained:
      return "drained";
    case EndReason::kShutdown:
      return "shutdown";
    case EndReason::kExpired:
      return "expired";
    case EndReason::kWithdrawn:
      return "withdrawn";
  }
  return "unknown";
}

WorkerMetrics::WorkerMetrics(MetricsRegistry& registry)
    : streams(registry.GetGauge("sluice_worker_streams", "Open worker streams.")),
      opened(registry.GetCounter("sluice_worker_streams_opened_total", "Worker streams whose Hello was accepted.")),
      ended{},
      refused(registry.GetCounter("sluice_worker_streams_refused_total",
                                  "Worker streams that ended before a Hello was accepted.")),
      window_messages(registry.GetGauge("sluice_worker_window_messages",
                                        "Messages that open worker streams may have in flight, by their windows.")),
      frames_in(registry.GetCounter("sluice_worker_frames_total", kFramesHelp, {{"direction", "in"}})),
      frames_out(registry.GetCounter("sluice_worker_frames_total", kFramesHelp, {{"direction", "out"}})),
      bytes_in(registry.GetCounter("sluice_worker_bytes_total", kBytesHelp, {{"direction", "in"}})),
      bytes_out(registry.GetCounter("sluice_worker_bytes_total", kBytesHelp, {{"direction", "out"}})),
      oversized(registry.GetCounter("sluice_worker_oversized_total",
                                    "Messages rejected because they fit no frame (workers.maxFrameBytes).")) {
  for (size_t i = 0; i < kEndReasons; ++i) {
    ended[i] = &registry.GetCounter("sluice_worker_streams_ended_total", "Worker streams that ended, by reason.",
                                    {{"reason", EndReasonName(static_cast<EndReason>(i))}});
  }
}

}  // namespace sluice
