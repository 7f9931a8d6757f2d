// Time that moves only when the test says so.
#pragma once

#include <atomic>

#include "server/runtime/clock.h"

namespace sluice {

// Thread-safe.
class ManualClock final : public Clock {
 public:
  SteadyTime Now() const override { return SteadyTime(Millis(millis_.load())); }
  int64_t UnixMillis() const override { return 1'700'000'000'000 + millis_.load(); }
  void Advance(Millis by) { millis_ += by.count(); }

 private:
  std::atomic<int64_t> millis_{1'000'000};
};

}  // namespace sluice
