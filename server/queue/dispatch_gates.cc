// What is not delivered: messages of a connection that takes no replies, chains whose dead letters have no place, and, as
// the gateway ends, chains that are slow. (Those that people pause: dispatch_load.cc.)
#include <algorithm>
#include <memory>
#include <utility>

#include "server/queue/dispatch_core.h"

namespace sluice {

void DispatchCore::CloseConnection(const std::string& connection, SteadyTime now, Effects& effects) {
  if (closed_[connection]++ > 0) return;
  Begin(now, effects);
  // What a worker is kept for may not be delivered now.
  for (const std::unique_ptr<ChainState>& chain : chains_) {
    if (chain != nullptr && chain->reserved != nullptr) Touch(*chain);
  }
  Commit();
}

void DispatchCore::OpenConnection(const std::string& connection, SteadyTime now, Effects& effects) {
  const auto found = closed_.find(connection);
  if (found == closed_.end() || --found->second > 0) return;
  closed_.erase(found);
  Begin(now, effects);
  for (const std::unique_ptr<ChainState>& chain : chains_) {
    if (chain == nullptr || chain->queue.parked() == 0) continue;
    if (!chain->queue.Unpark([this](const QueueEntry& entry) { return !IsClosed(entry); })) continue;
    Touch(*chain);
    MarkReady(*chain);
  }
  Commit();
}

void DispatchCore::SetDeadLettersFull(bool full, SteadyTime now, Effects& effects) {
  dead_letters_full_ = full;
  if (full) return;
  Begin(now, effects);
  for (ChainState* chain : std::exchange(burying_, {})) {
    chain->buries = false;
    Touch(*chain);
    MarkReady(*chain);
  }
  Commit();
}

void DispatchCore::Park(QueueEntry& entry) {
  ChainState& chain = *entry.chain;
  const bool was_next = chain.queue.Front() == &entry;
  chain.queue.Park(entry);
  if (was_next && chain.reserved != nullptr) MarkDirty(SessionTable::Unreserve(chain)->group);
}

Dispatcher::Undone DispatchCore::HoldSlow(SteadyTime since, Millis age, SteadyTime now) {
  const auto for_each_in_flight = [this](const auto& look) {
    for (const auto& [id, session] : sessions_.all()) {
      for (const InFlightTable::Slot& slot : session->in_flight.slots()) {
        if (slot.id != 0) look(slot, *slot.entry->chain);
      }
    }
  };
  for_each_in_flight([&](const InFlightTable::Slot& slot, ChainState& chain) {
    if (now - slot.delivered >= age) chain.on_hold = true;
  });
  Dispatcher::Undone undone;
  for (const std::unique_ptr<ChainState>& chain : chains_) {
    if (chain == nullptr) continue;
    if (!Served(*chain) || chain->paused) chain->on_hold = true;
    if (!chain->on_hold) undone.waiting += chain->queue.messages() - chain->queue.parked();
  }
  for_each_in_flight([&](const InFlightTable::Slot& slot, const ChainState& chain) {
    if (chain.on_hold || slot.delivered < since) ++undone.in_flight;
  });
  return undone;
}

bool DispatchCore::Served(const ChainState& chain) {
  return std::ranges::any_of(chain.groups, [](const Membership* in) {
    return std::ranges::any_of(in->group->by_load.nodes(), [](const auto& node) { return !node.item->draining; });
  });
}

}  // namespace sluice
