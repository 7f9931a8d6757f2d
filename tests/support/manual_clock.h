// Time that moves only when the test says so.
#pragma once

#include <atomic>

#include "server/runtime/clock.h"

namespace sluice {

// Thread-safe.
class ManualClock final : public Clock {
 public:
  ManualClock() : ManualClock(SteadyTime(Millis(1'000'000))) {}
  explicit ManualClock(SteadyTime begin)
      : millis_(std::chrono::duration_cast<Millis>(begin.time_since_epoch()).count()) {}

  SteadyTime Now() const override { return SteadyTime(Millis(millis_.load())); }
  int64_t UnixMillis() const override { return 1'700'000'000'000 + millis_.load(); }
  void Advance(Millis by) { millis_ += by.count(); }

 private:
  std::atomic<int64_t> millis_;
};

}  // namespace sluice
