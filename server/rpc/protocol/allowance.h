// Holds what a client may cause to a rate.
#pragma once

#include <algorithm>
#include <cstdint>

#include "server/rpc/protocol/limits.h"
#include "server/runtime/clock.h"

namespace sluice::rpc {

class Allowance {
 public:
  Allowance(Rate rate, SteadyTime now)
      : burst_(int64_t{rate.burst} * kWhole), per_nano_(rate.per_second), tokens_(burst_), filled_(now) {}

  // Takes one; false: there is none.
  bool Take(SteadyTime now) {
    if (tokens_ < kWhole) Fill(now);
    if (tokens_ < kWhole) return false;
    tokens_ -= kWhole;
    return true;
  }
  // Puts `count` in, as far as they fit.
  void Add(uint32_t count) { tokens_ = std::min(burst_, tokens_ + int64_t{count} * kWhole); }

 private:
  static constexpr int64_t kWhole = 1'000'000'000;  // One token a second is one billionth a nanosecond.

  void Fill(SteadyTime now) {
    const int64_t nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(now - filled_).count();
    filled_ = now;
    if (nanos <= 0 || per_nano_ == 0) return;
    tokens_ = nanos >= burst_ / per_nano_ ? burst_ : std::min(burst_, tokens_ + nanos * per_nano_);
  }

  const int64_t burst_;
  const int64_t per_nano_;
  int64_t tokens_;
  SteadyTime filled_;
};

}  // namespace sluice::rpc
