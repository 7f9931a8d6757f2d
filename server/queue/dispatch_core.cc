#include "server/queue/dispatch_core.h"

#include <algorithm>

#include "server/queue/lease.h"

namespace sluice {
namespace {

// Room that is made at once for a session's batch.
constexpr size_t kMostReserved = 256;

}  // namespace

void DispatchCore::Enqueue(std::span<RoutedMessage> batch, SteadyTime now, Effects& effects) {
  Begin(now, effects);
  ChainState* chain = nullptr;
  for (RoutedMessage& message : batch) {
    if (chain == nullptr || message.chain.get() != &chain->chain) {
      chain = &StateOf(*message.chain);
      Touch(*chain);
      MarkReady(*chain);
    }
    const bool qos0 = message.message->qos == Qos::kAtMostOnce;
    const size_t bytes = message.message->bytes();
    if (qos0 && bytes > chain->chain.options().max_bytes) {
      // Making room for it would cost all others of QoS 0 and not suffice.
      chain->metrics.CountLoss(Loss::kQueueFull);
      effects.dropped.push_back({.message = std::move(message), .loss = Loss::kQueueFull});
      continue;
    }
    QueueEntry& entry = pool_.Allocate();
    entry.message = std::move(message);
    entry.chain = chain;
    entry.sequence = next_arrival_++;
    entry.bytes = bytes;
    entry.expires = entry.message.message->expires();
    entry.qos0 = qos0;
    entry.received = entry.message.message->received;
    entry.age_of_others = !chain->named;
    (entry.age_of_others ? others_by_age_ : chain->by_age).PushBack(entry);
    entry.suspect = in_hand_ != nullptr && in_hand_->Suspected(entry.message.record);
    chain->queue.Add(entry);
    ++chain->arrived;
    ++waiting_;
  }
  Commit();
}

SessionId DispatchCore::AddSession(SessionOptions options, std::shared_ptr<DeliverySink> sink, SteadyTime now,
                                   Effects& effects) {
  Begin(now, effects);
  std::vector<ChainState*> chains;
  for (const Chain* chain : options.chains) {
    ChainState* state = &StateOf(*chain);
    if (std::find(chains.begin(), chains.end(), state) == chains.end()) chains.push_back(state);
    NameInMetrics(*state, /*serves_worker=*/true);
  }
  options.window.messages = std::min(options.window.messages, InFlightTable::kMaxSlots);
  SessionState& session = sessions_.Add(std::move(options), std::move(sink), chains);
  MarkDirty(session.group);
  Commit();
  return session.id;
}

void DispatchCore::SetWindow(SessionId id, Window window, SteadyTime now, Effects& effects) {
  SessionState* session = sessions_.Find(id);
  if (session == nullptr) return;
  Begin(now, effects);
  window.messages = std::min(window.messages, InFlightTable::kMaxSlots);
  session->window = window;
  if (session->reserved_for != nullptr) Touch(*session->reserved_for);
  SessionTable::Rank(*session);
  MarkDirty(session->group);
  Commit();
}

void DispatchCore::DrainSession(SessionId id, SteadyTime now, Effects& effects) {
  SessionState* session = sessions_.Find(id);
  if (session == nullptr) return;
  Begin(now, effects);
  session->draining = true;
  if (session->reserved_for != nullptr) {
    MarkReady(*session->reserved_for);
    SessionTable::Unreserve(*session->reserved_for);
  }
  SessionTable::Rank(*session);
  Commit();
}

void DispatchCore::Resume(SteadyTime now, Effects& effects) {
  if (paused_ == 0 || --paused_ > 0) return;
  Begin(now, effects);
  for (const auto& [indexes, group] : sessions_.groups()) MarkDirty(group.get());
  Commit();
}

void DispatchCore::SetOnDisk(const Chain& chain, Fill fill, bool full) {
  ChainState& state = StateOf(chain);
  on_disk_ += fill.messages - state.on_disk;
  state.on_disk = fill.messages;
  state.metrics.PublishOnDisk(fill.bytes, full);
  PublishMetrics(state);
}

void DispatchCore::PublishMetrics(ChainState& chain) {
  chain.metrics.Publish(chain.queue.messages(), chain.queue.bytes(), chain.in_flight, chain.on_disk);
  const QueueEntry* oldest = (chain.named ? chain.by_age : others_by_age_).front();
  chain.metrics.PublishOldest(oldest == nullptr ? nullptr : &oldest->received, chain.on_disk);
}

bool DispatchCore::HasInFlight(SessionId id) const {
  const SessionState* session = sessions_.Find(id);
  return session != nullptr && session->in_flight.size() > 0;
}

bool DispatchCore::HasWorkers() const {
  return std::ranges::any_of(sessions_.all(),
                             [](const auto& each) { return !each.second->removed && !each.second->draining; });
}

std::vector<Dispatcher::ChainCounts> DispatchCore::Chains() const {
  std::vector<Dispatcher::ChainCounts> counts;
  for (const std::unique_ptr<ChainState>& state : chains_) {
    if (state == nullptr) continue;
    counts.push_back({.chain = &state->chain,
                      .waiting = state->queue.messages(),
                      .on_disk = state->on_disk,
                      .in_flight = state->in_flight});
  }
  return counts;
}

void DispatchCore::Begin(SteadyTime now, Effects& effects) {
  now_ = now;
  effects_ = &effects;
}

void DispatchCore::Commit() {
  // Neither of the two loops touches another chain; Pump() may.
  for (ChainState* chain : touched_) {
    if (!chain->returning.empty()) {
      waiting_ += chain->returning.size();
      chain->queue.PutBack(chain->returning);
      chain->returning.clear();
      MarkReady(*chain);
    }
    LookAfterSuspects(*chain);
    if (chain->reserved != nullptr) TryReserved(*chain);
  }
  // Before others fill the room that a session has got. Twice: one chain may give up the session that another needs.
  for (int pass = 0; pass < 2 && !suspected_.empty(); ++pass) {
    std::erase_if(suspected_, [this](ChainState* chain) {
      chain->suspected = DeliverSuspect(*chain);
      return !chain->suspected;
    });
  }
  Pump();
  for (ChainState* chain : touched_) HoldBound(*chain);
  // What was dropped may have passed its key's turn on.
  Pump();

  for (ChainState* chain : touched_) {
    chain->touched = false;
    CountShared(*chain);
    TellPressure(*chain);
    PublishMetrics(*chain);
    chain->arrivals.Look(chain->arrived, now_);
    chain->tally.Look(now_);
  }
  touched_.clear();
  for (SessionState* session : outgoing_) {
    session->tally.Look(now_);
    effects_->batches.push_back({session->sink, std::move(session->outgoing)});
    session->outgoing = {};
  }
  outgoing_.clear();
  if (!timers_.due.empty()) Announce(timers_.due.top_key());
  if (!timers_.expiry.empty()) Announce(timers_.expiry.top_key());
}

void DispatchCore::Touch(ChainState& chain) {
  if (chain.touched) return;
  chain.touched = true;
  touched_.push_back(&chain);
}

void DispatchCore::MarkReady(ChainState& chain) {
  for (Membership* membership : chain.groups) {
    if (!membership->listed) {
      membership->listed = true;
      membership->group->ready.push_back(membership);
    }
    MarkDirty(membership->group);
  }
}

void DispatchCore::MarkDirty(SessionGroup* group) {
  if (group == nullptr || group->dirty) return;
  group->dirty = true;
  dirty_.push_back(group);
}

void DispatchCore::Announce(SteadyTime time) {
  if (time >= announced_) return;
  announced_ = time;
  effects_->wake = time;
}

void DispatchCore::Pump() {
  while (!dirty_.empty()) {
    SessionGroup* group = dirty_.back();
    dirty_.pop_back();
    group->dirty = false;
    if (paused_ == 0) PumpGroup(*group);
  }
}

void DispatchCore::PumpGroup(SessionGroup& group) {
  size_t stuck = 0;  // Chains in a row that could not deliver.
  while (stuck < group.ready.size() && group.HasRoom()) {
    Membership* membership = group.ready.front();
    if (membership->chain->queue.Front() == nullptr) {
      membership->listed = false;
      group.ready.pop_front();
      continue;
    }
    stuck = DeliverNext(*membership->chain) ? 0 : stuck + 1;
    if (group.ready.size() > 1) {
      group.ready.pop_front();
      group.ready.push_back(membership);
    }
  }
}

void DispatchCore::TryReserved(ChainState& chain) {
  SessionState* freed = SessionTable::Unreserve(chain);
  MarkDirty(freed->group);
  if (paused_ == 0) DeliverNext(chain);
}

bool DispatchCore::DeliverNext(ChainState& chain) {
  if (Held(chain)) return false;
  QueueEntry* entry = chain.queue.Front();
  if (entry->expires <= now_) {
    Touch(chain);
    DropWaiting(*entry, Loss::kExpired);
    return true;
  }
  if (IsClosed(*entry)) {
    Park(*entry);
    return true;
  }
  SessionState* session = sessions_.Pick(chain, entry->bytes, entry->key == nullptr ? 0 : entry->key->worker);
  if (session == nullptr) return false;
  Touch(chain);
  Assign(*entry, *session);
  if (chain.reserved != nullptr) MarkDirty(SessionTable::Unreserve(chain)->group);
  return true;
}

void DispatchCore::LookAfterSuspects(ChainState& chain) {
  if (chain.queue.FrontSuspect() != nullptr && !std::exchange(chain.suspected, true)) suspected_.push_back(&chain);
}

bool DispatchCore::DeliverSuspect(ChainState& chain) {
  if (chain.isolated != nullptr && chain.isolated->alone) return true;
  if (chain.paused) {
    // Nobody is kept for them meanwhile. ResumeChain() brings them back into the list.
    if (chain.isolated != nullptr) {
      MarkDirty(chain.isolated->group);
      SessionTable::EndIsolation(chain);
    }
    return false;
  }
  QueueEntry* suspect = chain.queue.FrontSuspect();
  while (suspect != nullptr && (suspect->expires <= now_ || IsClosed(*suspect))) {
    Touch(chain);
    if (suspect->expires <= now_) {
      DropWaiting(*suspect, Loss::kExpired);
    } else {
      Park(*suspect);
    }
    suspect = chain.queue.FrontSuspect();
  }
  if (chain.isolated != nullptr && (suspect == nullptr || !chain.isolated->MayBeAlone())) {
    MarkDirty(chain.isolated->group);
    SessionTable::EndIsolation(chain);
  }
  if (suspect == nullptr) return false;
  if (chain.isolated != nullptr && chain.isolated->in_flight.size() > 0) {
    // It may be stuck with what it has, while another has become free.
    MarkDirty(chain.isolated->group);
    SessionTable::EndIsolation(chain);
  }
  SessionState* session = chain.isolated != nullptr ? chain.isolated : SessionTable::Isolate(chain);
  if (session != nullptr && session->in_flight.size() == 0 && paused_ == 0 && !Held(chain)) {
    Touch(chain);
    session->alone = true;
    Assign(*suspect, *session);
  }
  return true;
}

void DispatchCore::Assign(QueueEntry& entry, SessionState& session) {
  ChainState& chain = *entry.chain;
  chain.queue.Take(entry);
  --waiting_;
  ++in_flight_;
  ++chain.in_flight;
  if (!entry.was_out) {
    entry.was_out = true;
    chain.metrics.ObserveQueueTime(*entry.message.message, now_);
  }
  chain.metrics.CountDelivery();
  ++chain.tally.counts.deliveries;
  ++session.tally.counts.deliveries;
  if (entry.key != nullptr) entry.key->worker = session.id;

  const Millis lease = StartLease(session.lease, chain.chain.options());
  session.last_turn = next_delivery_;
  InFlightTable::Slot& slot = session.in_flight.Add(next_delivery_++, entry);
  slot.begun = !session.tells_began;
  slot.in_hand = in_hand_ == nullptr || entry.message.record == 0
                     ? InHand::kNowhere
                     : in_hand_->Take(entry.message.record, slot.begun, session.alone);
  slot.delivered = now_;
  slot.lease_end = now_ + lease;
  if (slot.lease_end < session.next_lease) {
    session.next_lease = slot.lease_end;
    Announce(slot.lease_end);
  }
  session.bytes += entry.bytes;
  SessionTable::Rank(session);

  if (session.outgoing.empty()) {
    outgoing_.push_back(&session);
    const size_t share = 1 + (chain.queue.messages() / session.group->by_load.size());
    const size_t room = session.window.messages - session.in_flight.size() + 1;
    session.outgoing.reserve(std::min({share, room, kMostReserved}));
  }
  const RoutedMessage& message = entry.message;
  session.outgoing.push_back(Delivery{
      .id = slot.id,
      .message = message.message,
      .route = message.route,
      .chain = message.chain,
      .start_node = message.start_node,
      .ordering_key = message.ordering_key,
      .message_id = message.id,
      .attempt = message.attempts + 1,
      .lease = lease,
  });
}

void DispatchCore::DropWaiting(QueueEntry& entry, Loss loss) {
  ChainState& chain = *entry.chain;
  const bool was_next = chain.queue.Front() == &entry;
  chain.queue.Drop(entry);
  --waiting_;
  chain.metrics.CountLoss(loss);
  MarkReady(chain);
  LookAfterSuspects(chain);
  if (was_next && chain.reserved != nullptr) MarkDirty(SessionTable::Unreserve(chain)->group);
  Forget(entry, loss);
}

void DispatchCore::Forget(QueueEntry& entry, Loss loss) {
  effects_->dropped.push_back({.message = std::move(entry.message), .loss = loss});
  Free(entry);
}

void DispatchCore::Free(QueueEntry& entry) {
  (entry.age_of_others ? others_by_age_ : entry.chain->by_age).Remove(entry);
  pool_.Free(entry);
}

void DispatchCore::HoldBound(ChainState& chain) {
  while (chain.queue.OverBound() || OverSharedBound(chain)) {
    QueueEntry* oldest = chain.queue.OldestQos0();
    if (oldest == nullptr) return;
    DropWaiting(*oldest, Loss::kQueueFull);
  }
}

}  // namespace sluice
