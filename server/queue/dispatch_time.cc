// What the clock does: leases, retries that are due, expiry.
#include <algorithm>
#include <chrono>
#include <utility>

#include "server/queue/dispatch_core.h"
#include "server/queue/lease.h"

namespace sluice {
namespace {

constexpr Millis kShortestTick{10};
// Messages dropped or put back per Tick, so that the lock is not held for long.
constexpr size_t kMostPerTick = 4'096;

}  // namespace

std::vector<uint64_t> DispatchCore::BeginWork(SessionId id, std::span<const uint64_t> ids, SteadyTime now) {
  std::vector<uint64_t> stale;
  SessionState* session = sessions_.Find(id);
  for (const uint64_t delivery_id : ids) {
    InFlightTable::Slot* slot = session == nullptr || session->removed ? nullptr : session->in_flight.Find(delivery_id);
    if (slot == nullptr || slot->claimed) {
      stale.push_back(delivery_id);
      continue;
    }
    if (slot->begun) continue;
    slot->begun = true;
    if (in_hand_ != nullptr) in_hand_->Begun(slot->in_hand);
    slot->delivered = now;
    // Later than before: the tick that was announced finds it.
    slot->lease_end = now + StartLease(session->lease, slot->entry->chain->chain.options());
  }
  return stale;
}

std::optional<Dispatcher::Extended> DispatchCore::Extend(SessionId id, uint64_t delivery_id, Millis lease,
                                                         SteadyTime now, Effects& effects) {
  SessionState* session = sessions_.Find(id);
  if (session == nullptr || session->removed) return std::nullopt;
  InFlightTable::Slot* slot = session->in_flight.Find(delivery_id);
  if (slot == nullptr || slot->claimed) return std::nullopt;
  const Millis most = slot->entry->chain->chain.options().max_lease;
  if (!slot->begun) {
    slot->begun = true;
    if (in_hand_ != nullptr) in_hand_->Begun(slot->in_hand);
    slot->delivered = now;
  }
  // A worker may ask for years: held before it is added to a time.
  slot->lease_end = std::min(now + std::clamp(lease, std::min(kShortestLease, most), most), slot->delivered + most);
  session->next_lease = std::min(session->next_lease, slot->lease_end);
  effects_ = &effects;
  Announce(slot->lease_end);
  const auto granted = std::chrono::duration_cast<Millis>(slot->lease_end - now);
  return Dispatcher::Extended{.lease = granted, .clipped = granted < lease};
}

SteadyTime DispatchCore::Tick(SteadyTime now, Effects& effects) {
  Begin(now, effects);
  for (const auto& [id, session] : sessions_.all()) {
    if (session->next_lease > now || session->removed) continue;
    if (leases_held_ == 0 && !session->leases_held) ExpireLeases(*session);
  }
  size_t work = 0;
  for (; !timers_.due.empty() && timers_.due.top_key() <= now && work < kMostPerTick; ++work) {
    QueueEntry& entry = *timers_.due.top();
    entry.chain->queue.ReleaseDue(entry);
    --waiting_;
    Touch(*entry.chain);
    entry.chain->returning.push_back(&entry);
  }
  for (; !timers_.expiry.empty() && timers_.expiry.top_key() <= now && work < kMostPerTick; ++work) {
    QueueEntry& entry = *timers_.expiry.top();
    Touch(*entry.chain);
    DropWaiting(entry, Loss::kExpired);
  }
  Commit();

  SteadyTime next = kNever;
  if (leases_held_ == 0) {
    for (const auto& [id, session] : sessions_.all()) {
      if (!session->leases_held) next = std::min(next, session->next_lease);
    }
  }
  if (!timers_.due.empty()) next = std::min(next, timers_.due.top_key());
  if (!timers_.expiry.empty()) next = std::min(next, timers_.expiry.top_key());
  if (next != kNever) next = std::max(next, work < kMostPerTick ? now + kShortestTick : now);
  announced_ = next;
  effects.wake = kNever;
  return next;
}

void DispatchCore::ReleaseLeases(SteadyTime now, Effects& effects) {
  if (--leases_held_ > 0) return;
  effects_ = &effects;
  SteadyTime next = kNever;
  for (const auto& [id, session] : sessions_.all()) {
    if (session->removed) continue;
    ShiftLeases(*session, leases_held_since_, now);
    if (!session->leases_held) next = std::min(next, session->next_lease);
  }
  if (next != kNever) Announce(next);
}

void DispatchCore::ShiftLeases(SessionState& session, SteadyTime since, SteadyTime now) {
  session.next_lease = kNever;
  for (InFlightTable::Slot& slot : session.in_flight.slots()) {
    if (slot.id == 0 || slot.claimed) continue;
    const SteadyTime::duration held = now - std::max(since, std::min(slot.delivered, now));
    slot.delivered += held;
    slot.lease_end += held;
    session.next_lease = std::min(session.next_lease, slot.lease_end);
  }
}

void DispatchCore::HoldLeasesOf(SessionId id, SteadyTime now) {
  SessionState* session = sessions_.Find(id);
  if (session == nullptr || std::exchange(session->leases_held, true)) return;
  session->leases_held_since = now;
}

void DispatchCore::ReleaseLeasesOf(SessionId id, SteadyTime now, Effects& effects) {
  SessionState* session = sessions_.Find(id);
  if (session == nullptr || !std::exchange(session->leases_held, false) || session->removed) return;
  effects_ = &effects;
  ShiftLeases(*session, session->leases_held_since, now);
  if (leases_held_ == 0 && session->next_lease != kNever) Announce(session->next_lease);
}

void DispatchCore::ExpireLeases(SessionState& session) {
  SteadyTime next = kNever;
  std::vector<Revocation> revocations;
  std::vector<LostDeliveries::One> lost;
  for (InFlightTable::Slot& slot : session.in_flight.slots()) {
    if (slot.id == 0 || slot.claimed) continue;
    if (slot.lease_end > now_) {
      next = std::min(next, slot.lease_end);
      continue;
    }
    QueueEntry& entry = *slot.entry;
    const bool begun = slot.begun;
    revocations.push_back(
        {.delivery_id = slot.id, .reason = begun ? RevokeReason::kLeaseEnded : RevokeReason::kNotBegun});
    NoteLost(entry, begun ? DeliveryLoss::kLeaseEnded : DeliveryLoss::kNotBegun, lost);
    FreeSlot(session, slot);
    if (entry.key != nullptr) entry.key->worker = 0;
    Expire(entry, session, begun);
  }
  if (!revocations.empty()) effects_->revoked.push_back({session.sink, std::move(revocations)});
  TellLost(session, std::move(lost));
  session.next_lease = next;
  SessionTable::Rank(session);
  MarkDirty(session.group);
}

}  // namespace sluice
