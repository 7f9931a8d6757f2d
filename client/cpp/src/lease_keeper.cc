#include "client/cpp/src/lease_keeper.h"

#include <algorithm>
#include <utility>

namespace sluice::client {

using State = HeldDelivery::State;

namespace {

bool IsHeld(const HeldDelivery& held) {
  const State state = held.state.load(std::memory_order_relaxed);
  return state == State::kHeld || state == State::kRunning;
}

}  // namespace

SteadyTime LeaseKeeper::DueAt(const HeldGroup& group, SteadyTime from) {
  Millis shortest = Millis::max();
  for (const HeldDelivery& held : group.all()) {
    if (IsHeld(held) && held.lease.count() > 0) {
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

HeldDelivery* LeaseKeeper::Find(uint64_t delivery_id) {
  for (const auto& [due, group] : due_) {
    for (HeldDelivery& held : group->all()) {
      if (held.id == delivery_id) return &held;
    }
  }
  return nullptr;
}

const HeldDelivery* LeaseKeeper::MarkLost(uint64_t delivery_id) {
  HeldDelivery* held = Find(delivery_id);
  if (held == nullptr) return nullptr;
  State state = held->state.load(std::memory_order_relaxed);
  while (state == State::kHeld || state == State::kRunning) {
    if (held->state.compare_exchange_weak(state, State::kLost, std::memory_order_relaxed)) return held;
  }
  return nullptr;
}

void LeaseKeeper::StopExtending(uint64_t delivery_id) {
  if (HeldDelivery* held = Find(delivery_id); held != nullptr) held->lease = Millis(0);
}

std::vector<uint64_t> LeaseKeeper::TakeBegun(SteadyTime now) {
  std::vector<uint64_t> begun;
  for (const auto& [due, group] : due_) {
    for (HeldDelivery& held : group->all()) {
      if (held.told != kNever || held.state.load(std::memory_order_relaxed) != State::kRunning) continue;
      held.told = now;
      begun.push_back(held.id);
    }
  }
  return begun;
}

LeaseKeeper::Running LeaseKeeper::GetRunning() const {
  Running running;
  for (const auto& [due, group] : due_) {
    for (const HeldDelivery& held : group->all()) {
      if (held.told == kNever || held.state.load(std::memory_order_relaxed) != State::kRunning) continue;
      running.youngest = running.count == 0 ? held.told : std::max(running.youngest, held.told);
      ++running.count;
    }
  }
  return running;
}

std::vector<LeaseKeeper::Extension> LeaseKeeper::TakeDue(SteadyTime now) {
  std::vector<Extension> extensions;
  while (!due_.empty() && due_.begin()->first <= now) {
    const std::shared_ptr<HeldGroup> group = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    for (const HeldDelivery& held : group->all()) {
      if (IsHeld(held) && held.lease.count() > 0 && (!tells_begun_ || held.told != kNever)) {
        extensions.push_back({held.id, held.lease});
      }
    }
    groups_[group.get()] = due_.emplace(DueAt(*group, now), group);
  }
  return extensions;
}

}  // namespace sluice::client
