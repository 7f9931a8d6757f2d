// A rate: so many a second, and some more at once after a quiet time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "server/runtime/clock.h"

namespace sluice {

// Counts in time, not in tokens: it is full again at full_. Trivial to copy, 24 bytes.
class TokenBucket {
 public:
  // `per_second` 0: no limit. `burst` is at least 1.
  TokenBucket(size_t per_second, size_t burst)
      : step_(per_second == 0 ? Step(0) : Step(std::chrono::seconds(1)) / static_cast<int64_t>(per_second)),
        depth_(step_ * static_cast<int64_t>(std::max<size_t>(burst, 1))) {}

  // Takes one if there is one.
  bool Take(SteadyTime now) {
    if (now < Next()) return false;
    full_ = std::max(full_, now) + step_;
    return true;
  }
  // When there is one, unless others come first.
  SteadyTime Next() const { return full_ - (depth_ - step_); }
  // Nothing was taken for so long that it might as well be new.
  bool Full(SteadyTime now) const { return full_ <= now; }

 private:
  using Step = SteadyTime::duration;
  Step step_;
  Step depth_;
  SteadyTime full_{};
};

}  // namespace sluice
