// All that the dispatcher keeps for one chain.
#pragma once

#include <cstddef>
#include <vector>

#include "server/queue/chain_metrics.h"
#include "server/queue/chain_queue.h"
#include "server/queue/load.h"

namespace sluice {

struct Membership;
struct SessionState;

struct ChainState {
  ChainState(const Chain& c, ChainMetrics m, WaitingTimers& timers)
      : held(&c), chain(c), queue(c.options(), timers), metrics(m) {}

  // Nothing is to be kept of it.
  bool Idle() const {
    return queue.messages() == 0 && queue.keys() == 0 && in_flight == 0 && on_disk == 0 && groups.empty() &&
           reserved == nullptr && !told_high && !paused;
  }

  const ChainRef held;
  const Chain& chain;
  ChainQueue queue;
  ChainMetrics metrics;
  IntrusiveList<QueueEntry, &QueueEntry::age_link> by_age;  // By arrival, what came while it had series of its own.
  size_t in_flight = 0;
  size_t on_disk = 0;                // See Dispatcher::SetOnDisk().
  std::vector<Membership*> groups;   // Which sessions serve it.
  SessionState* reserved = nullptr;  // See SessionState::reserved_for.
  SessionState* isolated = nullptr;  // See SessionState::isolated_for.
  bool suspected = false;            // Its suspects are looked after: listed by the core.

  // ---- for people
  MeteredTally tally;
  uint64_t arrived = 0;
  RateMeter arrivals;

  // ---- of a chain that can be forgotten
  bool used = false;  // Since the last ForgetIdle().
  bool named = true;  // It has series of its own.
  SteadyTime idle_since{};
  size_t shared_messages = 0;  // Its part of what they have in memory.
  size_t shared_bytes = 0;
  bool held_back = false;  // In DispatchCore's list.

  bool pressed = false;    // See ChainQueue::PressureChange().
  bool told_high = false;  // What the listener knows of it.
  bool on_hold = false;    // See Dispatcher::HoldSlow().
  bool paused = false;     // See Dispatcher::PauseChain().
  bool buries = false;     // It is held because the dead letters are full. In DispatchCore's list.

  // ---- within one batch
  bool touched = false;
  std::vector<QueueEntry*> returning;  // To be put back together.
};

}  // namespace sluice
