// Time as a parameter, so that pure logic is tested without waiting.
#pragma once

#include <chrono>

namespace sluice {

// Monotonic time: leases, back-off, expiry, ages. Never compared with another machine's.
using SteadyTime = std::chrono::steady_clock::time_point;
using Millis = std::chrono::milliseconds;

inline constexpr SteadyTime kNever = SteadyTime::max();

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime Now() const = 0;
  // Wall-clock milliseconds since the Unix epoch, for people and for Delivery.received_unix_ms.
  virtual int64_t UnixMillis() const = 0;

  // The machine's clocks. Lives for the whole process.
  static const Clock& Real();
};

}  // namespace sluice
