#include "client/cpp/src/lease_keeper.h"

#include <algorithm>
#include <utility>

namespace sluice::client {

using State = HeldDelivery::State;

SteadyTime LeaseKeeper::DueAt(const HeldGroup& group, SteadyTime from) {
  Millis shortest = Millis::max();
  for (const HeldDelivery& held : group.all()) {
    if (held.state.load(std::memory_order_relaxed) == State::kHeld && held.lease.count() > 0) {
      shortest = std::min(shortest, held.lease);
    }
  }
  return shortest == Millis::max() ? kNever : from + shortest / 2;
}

void LeaseKeeper::Add(std::shared_ptr<HeldGroup> group, SteadyTime received) {
  const SteadyTime due = DueAt(*group, received);
  const HeldGroup* key = group.get();
  groups_.emplace(key, due_.emplace(due, std::move(group)));
}

void LeaseKeeper::Remove(const HeldGroup* group) {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return;
  due_.erase(found->second);
  groups_.erase(found);
}

void LeaseKeeper::MarkLost(uint64_t delivery_id) {
  for (const auto& [due, group] : due_) {
    for (HeldDelivery& held : group->all()) {
      if (held.id != delivery_id) continue;
      State expected = State::kHeld;
      held.state.compare_exchange_strong(expected, State::kLost, std::memory_order_relaxed);
      return;
    }
  }
}

std::vector<LeaseKeeper::Extension> LeaseKeeper::TakeDue(SteadyTime now) {
  std::vector<Extension> extensions;
  while (!due_.empty() && due_.begin()->first <= now) {
    const std::shared_ptr<HeldGroup> group = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    for (const HeldDelivery& held : group->all()) {
      if (held.state.load(std::memory_order_relaxed) == State::kHeld && held.lease.count() > 0) {
        extensions.push_back({held.id, held.lease});
      }
    }
    groups_[group.get()] = due_.emplace(DueAt(*group, now), group);
  }
  return extensions;
}

}  // namespace sluice::client
