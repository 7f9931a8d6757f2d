// Notices workers that start, lose their stream, and start again: one such end is nothing to warn of, a loop is.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Thread-safe.
class CrashLoops {
 public:
  // A stream that is lost so early counts, and so many of them within the time make a loop. Kubernetes lets up to five
  // minutes pass before it starts a worker again.
  static constexpr Millis kEarly{60'000};
  static constexpr Millis kWithin{900'000};
  static constexpr size_t kTimes = 3;
  // A loop that goes on is told again after this.
  static constexpr Millis kTellAgain{300'000};
  // Names that are remembered; the one that was lost longest ago is forgotten first.
  static constexpr size_t kMostWorkers = 1'000;

  // Both outlive it.
  CrashLoops(const Clock& clock, MetricsRegistry& metrics);

  // The stream of `worker` ("name/instance": each start may bring another instance, so the name counts) was lost
  // `lasted` after its start. Returns how often that happened within kWithin when that is worth a warning, else 0.
  size_t OnLost(std::string_view worker, Millis lasted);

 private:
  struct Losses {
    std::deque<SteadyTime> times;  // At most kMostTimes, the oldest first.
    SteadyTime tell_from;          // No warning before.
  };
  static constexpr size_t kMostTimes = 100;

  const Clock& clock_;
  Counter& early_losses_;

  Mutex mutex_;
  std::map<std::string, Losses, std::less<>> workers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
