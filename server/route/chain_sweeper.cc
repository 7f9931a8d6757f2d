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
  const bool at_bound = chains_.at_bound();
  const Millis idle = at_bound ? std::min(idle_, kIdleAtBound) : idle_;
  if (chains_.forgettable() > 0) {
    let_go_(idle);
    // What workers have named does not stand in the way, and a worker that comes back soon is to find its chain.
    chains_.Sweep(now, at_bound ? idle_ : Millis{0});
  }
  next_ = now + std::clamp(idle / 4, kShortestPause, kLongestPause);
  return next_;
}

}  // namespace sluice
