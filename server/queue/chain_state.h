// All that the dispatcher keeps for one chain.
#pragma once

#include <cstddef>
#include <vector>

#include "server/queue/chain_metrics.h"
#include "server/queue/chain_queue.h"

namespace sluice {

struct Membership;
struct SessionState;

struct ChainState {
  ChainState(const Chain& c, MetricsRegistry& registry, WaitingTimers& timers)
      : chain(c), queue(c.options, timers), metrics(registry, c.name) {}

  const Chain& chain;
  ChainQueue queue;
  ChainMetrics metrics;
  size_t in_flight = 0;
  size_t on_disk = 0;                // See Dispatcher::SetOnDisk().
  std::vector<Membership*> groups;   // Which sessions serve it.
  SessionState* reserved = nullptr;  // See SessionState::reserved_for.

  // ---- within one batch
  bool touched = false;
  std::vector<QueueEntry*> returning;  // To be put back together.
};

}  // namespace sluice
