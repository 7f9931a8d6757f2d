// What people who look are told, and chains that they pause.
#include "server/queue/dispatch_core.h"

namespace sluice {
namespace {

Rates RatesOf(const MeteredTally& tally, SteadyTime now) {
  return {.deliveries = tally.deliveries.PerSecond(now), .settles = tally.settles.PerSecond(now)};
}

}  // namespace

std::vector<ChainLoad> DispatchCore::ChainLoads(SteadyTime now) const {
  std::vector<ChainLoad> loads;
  for (const std::unique_ptr<ChainState>& state : chains_) {
    if (state == nullptr) continue;
    ChainLoad& load = loads.emplace_back();
    load.chain = ChainRef(&state->chain);
    load.waiting = state->queue.messages();
    load.waiting_bytes = state->queue.bytes();
    load.on_disk = state->on_disk;
    load.in_flight = state->in_flight;
    load.workers = WorkersOf(*state);
    if (const QueueEntry* oldest = state->by_age.front()) load.received = oldest->received;
    load.paused = state->paused;
    load.arrived = state->arrived;
    load.arrivals = state->arrivals.PerSecond(now);
    load.tally = state->tally.counts;
    load.rates = RatesOf(state->tally, now);
  }
  return loads;
}

std::optional<SessionLoad> DispatchCore::LoadOf(SessionId id, SteadyTime now) const {
  SessionState* session = sessions_.Find(id);
  if (session == nullptr || session->group == nullptr) return std::nullopt;
  SessionLoad load{.window = session->window,
                   .in_flight = session->in_flight.size(),
                   .in_flight_bytes = session->bytes,
                   .draining = session->draining,
                   .tally = session->tally.counts,
                   .rates = RatesOf(session->tally, now)};
  for (const auto& membership : session->group->chains) load.chains.emplace_back(&membership->chain->chain);
  for (const InFlightTable::Slot& slot : session->in_flight.slots()) {
    if (slot.id == 0 || slot.claimed) continue;
    if (!load.delivered || slot.delivered < *load.delivered) load.delivered = slot.delivered;
  }
  return load;
}

void DispatchCore::PauseChain(const Chain& chain, SteadyTime now, Effects& effects) {
  Begin(now, effects);
  ChainState& state = StateOf(chain);
  state.paused = true;
  // Sessions that are kept for its next message, or its suspects, are free for other chains.
  Touch(state);
  Commit();
}

void DispatchCore::ResumeChain(const Chain& chain, SteadyTime now, Effects& effects) {
  Begin(now, effects);
  ChainState& state = StateOf(chain);
  state.paused = false;
  Touch(state);
  MarkReady(state);
  Commit();
}

}  // namespace sluice
