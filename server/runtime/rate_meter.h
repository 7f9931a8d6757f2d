// How often something happened of late, from a count that is kept anyway.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "server/runtime/clock.h"

namespace sluice {

// Says the mean of the last five to ten seconds, and 0 once nothing has happened for five. Who counts shows it the count
// now and then while it grows: after each batch, not for each message. Not thread-safe.
class RateMeter {
 public:
  static constexpr Millis kWindow{5'000};

  void Look(uint64_t count, SteadyTime now) {
    if (count == seen_.count && !Unused()) return;
    if (Unused()) {
      first_ = second_ = {now, 0};
    } else if (now - seen_.at >= kWindow) {
      // Nothing came in between: what came before it says nothing of now.
      first_ = {now - kWindow, seen_.count};
      second_ = {now, seen_.count};
    } else if (now - second_.at >= kWindow) {
      first_ = second_;
      second_ = {now, count};
    }
    seen_ = {now, count};
  }

  double PerSecond(SteadyTime now) const {
    if (Unused() || now - seen_.at >= kWindow) return 0;
    const Mark& since = now - second_.at >= kWindow ? second_ : first_;
    // What has come within the first moments is not a rate yet.
    const double seconds = std::max(1.0, std::chrono::duration<double>(now - since.at).count());
    return static_cast<double>(seen_.count - since.count) / seconds;
  }

 private:
  struct Mark {
    SteadyTime at{};
    uint64_t count = 0;
  };
  bool Unused() const { return seen_.at == SteadyTime{}; }

  Mark first_;   // The rate counts from here,
  Mark second_;  // or, once this one is old enough, from here.
  Mark seen_;
};

}  // namespace sluice
