// Forgets the chains that messages or workers have named and nobody uses any more.
#pragma once

#include <functional>

#include "server/route/chain_directory.h"
#include "server/runtime/clock.h"
#include "server/runtime/ticker.h"

namespace sluice {

// Called by one thread.
class ChainSweeper final : public Tickable {
 public:
  // `let_go(idle)`: whoever keeps something of a chain that can be forgotten lets go of it where it has not been used for
  // `idle`. What is referred to outlives it.
  ChainSweeper(ChainDirectory& chains, std::function<void(Millis idle)> let_go, Millis idle);

  SteadyTime Tick(SteadyTime now) override;

 private:
  ChainDirectory& chains_;
  const std::function<void(Millis)> let_go_;
  const Millis idle_;
  SteadyTime next_{};
};

}  // namespace sluice
