// How attempts end: settled by the worker, or lost with its lease or its stream.
#include <algorithm>
#include <utility>

#include "server/queue/dispatch_core.h"

namespace sluice {
namespace {

std::string GaveUp(uint32_t attempts, std::string_view why) {
  std::string text = "gave up after " + std::to_string(attempts) + (attempts == 1 ? " attempt" : " attempts");
  if (!why.empty()) text.append(": ").append(why);
  return text;
}

DeliveryLoss LossOf(SessionEnd how) {
  switch (how) {
    case SessionEnd::kLost:
      return DeliveryLoss::kWorkerLost;
    case SessionEnd::kLeft:
      return DeliveryLoss::kWorkerLeft;
    case SessionEnd::kDrained:
      break;
  }
  return DeliveryLoss::kDrained;
}

}  // namespace

std::vector<std::optional<Dispatcher::Claimed>> DispatchCore::Claim(SessionId id, std::span<const uint64_t> ids) {
  std::vector<std::optional<Dispatcher::Claimed>> results(ids.size());
  SessionState* session = sessions_.Find(id);
  if (session == nullptr || session->removed) return results;
  for (size_t i = 0; i < ids.size(); ++i) {
    InFlightTable::Slot* slot = session->in_flight.Find(ids[i]);
    if (slot == nullptr || slot->claimed) continue;
    slot->claimed = true;
    results[i].emplace(Dispatcher::Claimed{.delivery_id = ids[i],
                                           .message = std::move(slot->entry->message),
                                           .answer_time = &slot->entry->chain->metrics.answer_time()});
  }
  return results;
}

void DispatchCore::Finish(SessionId id, std::vector<Dispatcher::Finished>& finished, SteadyTime now, Effects& effects) {
  SessionState* session = sessions_.Find(id);
  if (session == nullptr) return;
  Begin(now, effects);
  for (Dispatcher::Finished& one : finished) {
    InFlightTable::Slot* slot = session->in_flight.Find(one.claimed.delivery_id);
    if (slot == nullptr || !slot->claimed) continue;
    QueueEntry& entry = *slot->entry;
    FreeSlot(*session, *slot);
    FinishOne(entry, *session, one);
  }
  session->tally.Look(now_);
  SessionTable::Rank(*session);
  MarkDirty(session->group);
  if (session->removed && session->in_flight.size() == 0) sessions_.Erase(*session);
  Commit();
}

void DispatchCore::FinishOne(QueueEntry& entry, SessionState& session, Dispatcher::Finished& finished) {
  ChainState& chain = *entry.chain;
  ++chain.tally.counts.settles[static_cast<size_t>(finished.verdict)];
  ++session.tally.counts.settles[static_cast<size_t>(finished.verdict)];
  chain.metrics.CountSettle(finished.verdict);
  switch (finished.verdict) {
    case Verdict::kAck:
      chain.metrics.ObserveSettleTime(*finished.claimed.message.message, now_);
      [[fallthrough]];
    case Verdict::kDrop:
      // The message itself dies with `finished`, without the lock.
      if (entry.key != nullptr) {
        chain.queue.Release(entry);
        MarkReady(chain);
      }
      Free(entry);
      return;
    case Verdict::kReject:
      entry.message = std::move(finished.claimed.message);
      ++entry.message.attempts;
      Bury(entry, Death::kRejected, finished.reason.empty() ? "rejected" : "rejected: " + finished.reason, session);
      return;
    case Verdict::kRetry:
      break;
  }
  entry.message = std::move(finished.claimed.message);
  const ChainOptions& options = chain.chain.options();
  // The worker lives.
  entry.suspect = false;
  entry.losses = 0;
  if (++entry.message.attempts >= options.max_attempts) {
    Bury(entry, Death::kRetry, GaveUp(entry.message.attempts, finished.reason), session);
    return;
  }
  NoteAttempt(entry);
  chain.metrics.CountReturn(Return::kRetry);
  const Millis pause =
      finished.retry_after.count() > 0 ? finished.retry_after : backoff_.Pause(options, entry.message.attempts);
  chain.queue.Delay(entry, now_ + pause);
  ++waiting_;
}

void DispatchCore::RemoveSession(SessionId id, SessionEnd how, uint64_t written, SteadyTime now, Effects& effects) {
  SessionState* session = sessions_.Find(id);
  if (session == nullptr || session->removed) return;
  Begin(now, effects);
  session->removed = true;
  session->next_lease = kNever;
  sessions_.Leave(*session);
  const auto seen = [written](const InFlightTable::Slot& slot) {
    return slot.id != 0 && !slot.claimed && slot.id <= written;
  };
  const bool alone = std::ranges::count_if(session->in_flight.slots(), seen) == 1;
  std::vector<LostDeliveries::One> lost;
  for (InFlightTable::Slot& slot : session->in_flight.slots()) {
    if (slot.id == 0 || slot.claimed) continue;
    QueueEntry& entry = *slot.entry;
    const bool was_seen = seen(slot);
    NoteLost(entry, was_seen ? LossOf(how) : DeliveryLoss::kUnsent, lost);
    const bool begun = slot.begun;
    FreeSlot(*session, slot);
    if (entry.key != nullptr) entry.key->worker = 0;
    if (was_seen) {
      LeaveWith(entry, *session, how, begun, alone);
    } else {
      PutBack(entry, Return::kUndelivered);
    }
  }
  TellLost(*session, std::move(lost));
  if (session->in_flight.size() == 0) sessions_.Erase(*session);
  Commit();
}

std::vector<std::optional<Dispatcher::InFlightInfo>> DispatchCore::Peek(SessionId id,
                                                                        std::span<const uint64_t> ids) const {
  std::vector<std::optional<Dispatcher::InFlightInfo>> results(ids.size());
  SessionState* session = sessions_.Find(id);
  if (session == nullptr || session->removed) return results;
  for (size_t i = 0; i < ids.size(); ++i) {
    const InFlightTable::Slot* slot = session->in_flight.Find(ids[i]);
    if (slot == nullptr || slot->claimed) continue;
    const RoutedMessage& message = slot->entry->message;
    results[i] = {.message = message.message,
                  .route = message.route,
                  .chain = message.chain,
                  .id = message.id,
                  .answer_time = &slot->entry->chain->metrics.answer_time()};
  }
  return results;
}

std::string DispatchCore::WorkerOf(SessionId id) const {
  const SessionState* session = sessions_.Find(id);
  return session == nullptr ? std::string() : session->worker;
}

void DispatchCore::FreeSlot(SessionState& session, InFlightTable::Slot& slot) {
  QueueEntry& entry = *slot.entry;
  if (in_hand_ != nullptr) in_hand_->Drop(slot.in_hand);
  session.bytes -= entry.bytes;
  session.in_flight.Remove(slot);
  --in_flight_;
  --entry.chain->in_flight;
  session.alone = false;
  Touch(*entry.chain);
  if (session.reserved_for != nullptr) Touch(*session.reserved_for);
}

void DispatchCore::PutBack(QueueEntry& entry, Return reason) {
  entry.chain->metrics.CountReturn(reason);
  entry.chain->returning.push_back(&entry);
}

void DispatchCore::NoteAttempt(const QueueEntry& entry) {
  if (entry.message.record != 0) effects_->attempts.push_back({entry.message.record, entry.message.attempts});
}

void DispatchCore::NoteLost(const QueueEntry& entry, DeliveryLoss loss, std::vector<LostDeliveries::One>& lost) {
  const RoutedMessage& message = entry.message;
  lost.push_back({.message = message.message,
                  .id = message.id,
                  .route = message.route,
                  .chain = message.chain,
                  .attempt = message.attempts + 1,
                  .loss = loss});
}

void DispatchCore::TellLost(const SessionState& session, std::vector<LostDeliveries::One> lost) {
  if (!lost.empty()) effects_->lost.push_back({.worker = session.worker, .deliveries = std::move(lost)});
}

void DispatchCore::LeaveWith(QueueEntry& entry, const SessionState& session, SessionEnd how, bool begun, bool alone) {
  if (entry.qos0) return Lose(entry, Loss::kLostWorker);
  if (how == SessionEnd::kDrained) return PutBack(entry, Return::kDrain);
  if (how == SessionEnd::kLeft) {
    if (!begun) return PutBack(entry, Return::kDrain);
    return LoseAttempt(entry, session, /*lease_ended=*/false, "the worker closed its stream without settling it");
  }
  if (entry.losses < UINT8_MAX) ++entry.losses;
  // Begun goes without saying, where a worker does not say it: suspicion then waits for a second loss.
  const bool said = begun && session.tells_began;
  const bool last = entry.message.attempts + 1 >= entry.chain->chain.options().max_attempts;
  entry.suspect = entry.suspect || alone || said || entry.losses > 1 || (begun && last);
  if (alone) {
    return LoseAttempt(entry, session, /*lease_ended=*/false, "worker lost while it held only this message");
  }
  // The last attempt is made alone, so this is not it.
  if (begun && !last) {
    ++entry.message.attempts;
    NoteAttempt(entry);
  }
  PutBack(entry, Return::kLostWorker);
}

void DispatchCore::Expire(QueueEntry& entry, SessionState& session, bool begun) {
  ++entry.chain->tally.counts.lost_leases;
  ++session.tally.counts.lost_leases;
  if (entry.qos0) return Lose(entry, Loss::kLeaseExpired);
  if (!begun) return PutBack(entry, Return::kNotBegun);
  // The worker lives.
  entry.suspect = false;
  entry.losses = 0;
  LoseAttempt(entry, session, /*lease_ended=*/true, "lease expired");
}

void DispatchCore::LoseAttempt(QueueEntry& entry, const SessionState& session, bool lease_ended, std::string_view why) {
  if (++entry.message.attempts < entry.chain->chain.options().max_attempts) {
    NoteAttempt(entry);
    PutBack(entry, lease_ended ? Return::kLeaseExpired : Return::kLostWorker);
    return;
  }
  Bury(entry, lease_ended ? Death::kLeaseExpired : Death::kLostWorker, GaveUp(entry.message.attempts, why), session);
}

void DispatchCore::Bury(QueueEntry& entry, Death death, std::string reason, const SessionState& session) {
  ChainState& chain = *entry.chain;
  chain.metrics.CountDeath(death);
  if (dead_letters_full_ && !std::exchange(chain.buries, true)) burying_.push_back(&chain);
  chain.queue.Release(entry);
  MarkReady(chain);
  effects_->dead_letters.push_back(
      {.message = std::move(entry.message), .reason = std::move(reason), .worker = session.worker});
  Free(entry);
}

void DispatchCore::Lose(QueueEntry& entry, Loss loss) {
  ChainState& chain = *entry.chain;
  chain.metrics.CountLoss(loss);
  chain.queue.Release(entry);
  MarkReady(chain);
  Forget(entry, loss);
}

}  // namespace sluice
