// What the worker streams count.
#pragma once

#include <array>

#include "server/telemetry/metrics.h"

namespace sluice {

// Why an opened stream ended; the label `reason`.
enum class EndReason : uint8_t {
  kDone,           // The worker half-closed.
  kLost,           // Cancelled, or the connection broke.
  kInvalid,        // Broke a rule of worker.proto.
  kSilent,         // Two heartbeat intervals without a frame.
  kResultsUnread,  // Let too many results pile up.
  kDrained,        // A drain's deadline passed.
  kShutdown,       // The gateway ended it.
  kExpired,        // What the worker showed ended.
  kWithdrawn,      // What the worker showed does not hold any more.
};
inline constexpr size_t kEndReasons = 9;
const char* EndReasonName(EndReason reason);

// References into a MetricsRegistry, looked up once.
struct WorkerMetrics {
  explicit WorkerMetrics(MetricsRegistry& registry);

  Gauge& streams;
  Counter& opened;
  std::array<Counter*, kEndReasons> ended;
  Counter& refused;  // Streams that ended before they were opened.
  Gauge& window_messages;
  Counter& frames_in;
  Counter& frames_out;
  Counter& bytes_in;
  Counter& bytes_out;
  Counter& oversized;  // Messages that fit no frame.
};

}  // namespace sluice
