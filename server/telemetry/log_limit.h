// Holds the lines that others can cause (a worker that connects in a loop) to a rate.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"

namespace sluice::log {

//   if (limit.Admit("worker stream refused", code)) Warning("worker stream refused", {{"code", code}, …});
//
// Each pair of event and cause has a rate of its own, so that a frequent one does not hide a rare one. Thread-safe.
class Limiter {
 public:
  struct Rate {
    // So many lines at once (a fleet of workers that starts), and one more after each interval.
    int burst = 50;
    Millis interval{100};
  };
  // `clock` outlives it.
  explicit Limiter(const Clock& clock) : Limiter(clock, Rate{}) {}
  Limiter(const Clock& clock, Rate rate) : clock_(clock), rate_(rate) {}

  // Whether the line may be written. The first one after some that were left out is preceded by a line that counts
  // them. Both names are of a small fixed set: they are remembered for good.
  bool Admit(std::string_view event, std::string_view cause);

 private:
  struct Line {
    SteadyTime full;  // When all of the burst is there again.
    uint64_t left_out = 0;
  };

  const Clock& clock_;
  const Rate rate_;

  Mutex mutex_;
  std::map<std::pair<std::string, std::string>, Line> lines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::log
