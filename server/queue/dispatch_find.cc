// Where messages stand, for people who ask.
#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "server/queue/dispatch_core.h"

namespace sluice {
namespace {

Whereabouts::State StateOf(Place place) {
  switch (place) {
    case Place::kBehind:
      return Whereabouts::State::kBehind;
    case Place::kDelayed:
      return Whereabouts::State::kDelayed;
    case Place::kParked:
      return Whereabouts::State::kParked;
    default:
      return Whereabouts::State::kWaiting;
  }
}

Whereabouts Describe(const QueueEntry& entry, const WaitingTimers& timers) {
  const RoutedMessage& routed = entry.message;
  const ChainState& chain = *entry.chain;
  Whereabouts found{.state = StateOf(entry.place),
                    .message = routed.message,
                    .route = routed.route,
                    .chain = ChainRef(&chain.chain),
                    .id = routed.id,
                    .record = routed.record,
                    .attempts = routed.attempts,
                    .chain_paused = chain.paused,
                    .chain_workers = WorkersOf(chain)};
  if (entry.place == Place::kDelayed) found.due = timers.due.nodes()[entry.due_position].key;
  return found;
}

}  // namespace

size_t WorkersOf(const ChainState& chain) {
  size_t workers = 0;
  for (const Membership* in : chain.groups) {
    workers += static_cast<size_t>(
        std::ranges::count_if(in->group->by_load.nodes(), [](const auto& node) { return !node.item->draining; }));
  }
  return workers;
}

std::vector<Whereabouts> DispatchCore::FindIn(const ChainState* chain, const MessagePredicate& wanted) const {
  std::vector<Whereabouts> found;
  absl::flat_hash_map<const QueueEntry*, size_t> out;  // In `found`, those that are in no queue.
  const auto& entries = chain == nullptr ? others_by_age_ : chain->by_age;
  for (const QueueEntry* entry = entries.front(); entry != nullptr; entry = entries.Next(*entry)) {
    if (!wanted(entry->message.id, entry->message.message.get())) continue;
    if (entry->place == Place::kOut) out.emplace(entry, found.size());
    found.push_back(Describe(*entry, timers_));
  }
  if (out.empty()) return found;
  for (const auto& [id, session] : sessions_.all()) {
    for (const InFlightTable::Slot& slot : session->in_flight.slots()) {
      const auto at = slot.id == 0 ? out.end() : out.find(slot.entry);
      if (at == out.end()) continue;
      Whereabouts& one = found[at->second];
      one.state = slot.claimed ? Whereabouts::State::kSettling : Whereabouts::State::kWithWorker;
      one.worker = session->worker;
      one.delivered = slot.delivered;
      if (!slot.claimed) one.due = slot.lease_end;
    }
  }
  return found;
}

std::vector<Whereabouts> DispatchCore::Find(size_t chain, const MessagePredicate& wanted, bool& last) const {
  last = chain >= chains_.size();
  if (last) return FindIn(nullptr, wanted);
  return chains_[chain] == nullptr ? std::vector<Whereabouts>() : FindIn(chains_[chain].get(), wanted);
}

}  // namespace sluice
