#include "server/route/chain_sweeper.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

// At the bound new names wait for room.
constexpr Millis kIdleAtBound{1'000};
constexpr Millis kShortestPause{1'000};
constexpr Millis kLongestPause{10'000};

}  // namespace

ChainSweeper::ChainSweeper(ChainDirectory& chains, std::function<void(Millis idle)> let_go, Millis idle)
    : chains_(chains), let_go_(std::move(let_go)), idle_(idle) {}

SteadyTime ChainSweeper::Tick(SteadyTime now) {
  if (now < next_) return next_;
  const Millis idle = chains_.at_bound() ? std::min(idle_, kIdleAtBound) : idle_;
  if (chains_.forgettable() > 0) {
    let_go_(idle);
    chains_.Sweep();
  }
  next_ = now + std::clamp(idle / 4, kShortestPause, kLongestPause);
  return next_;
}

}  // namespace sluice
