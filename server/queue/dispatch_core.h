// The dispatcher without its lock: what each event does to queues, sessions and keys. Everything it wants to tell
// the outside is gathered in Effects, which Dispatcher carries out once the lock is released.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/queue/backoff.h"
#include "server/queue/dispatcher.h"
#include "server/queue/entry.h"
#include "server/queue/session_table.h"

namespace sluice {

// What one batch leads to outside the lock.
struct Effects {
  struct Batch {
    std::shared_ptr<DeliverySink> sink;
    std::vector<Delivery> deliveries;
  };
  struct Revoked {
    std::shared_ptr<DeliverySink> sink;
    std::vector<Revocation> revocations;
  };
  std::vector<Batch> batches;
  std::vector<Revoked> revoked;
  std::vector<LostDeliveries> lost;
  std::vector<DeadLetter> dead_letters;
  std::vector<AttemptsNote> attempts;
  std::vector<LostMessage> dropped;
  std::vector<std::pair<ChainRef, bool>> pressure;
  SteadyTime wake = kNever;  // Earlier than any time told before; kNever: nothing to tell.
};

// Sessions that get the chain's messages; those that drain do not.
size_t WorkersOf(const ChainState& chain);

// Single-threaded. Every event takes the time and adds to `effects`.
class DispatchCore {
 public:
  // `in_hand` may be null.
  DispatchCore(MetricsRegistry& metrics, uint64_t seed, InHand* in_hand)
      : metrics_(metrics), in_hand_(in_hand), backoff_(seed) {}
  DispatchCore(const DispatchCore&) = delete;
  DispatchCore& operator=(const DispatchCore&) = delete;

  // See Dispatcher for all of these.
  void Enqueue(std::span<RoutedMessage> batch, SteadyTime now, Effects& effects);
  SessionId AddSession(SessionOptions options, std::shared_ptr<DeliverySink> sink, SteadyTime now, Effects& effects);
  void SetWindow(SessionId id, Window window, SteadyTime now, Effects& effects);
  void DrainSession(SessionId id, SteadyTime now, Effects& effects);
  std::vector<uint64_t> BeginWork(SessionId id, std::span<const uint64_t> ids, SteadyTime now);
  void RemoveSession(SessionId id, SessionEnd how, uint64_t written, SteadyTime now, Effects& effects);
  std::vector<std::optional<Dispatcher::Claimed>> Claim(SessionId id, std::span<const uint64_t> ids);
  void Finish(SessionId id, std::vector<Dispatcher::Finished>& finished, SteadyTime now, Effects& effects);
  std::vector<std::optional<Dispatcher::InFlightInfo>> Peek(SessionId id, std::span<const uint64_t> ids) const;
  std::optional<Dispatcher::Extended> Extend(SessionId id, uint64_t delivery_id, Millis lease, SteadyTime now,
                                             Effects& effects);
  std::string WorkerOf(SessionId id) const;
  void Pause() { ++paused_; }
  void Resume(SteadyTime now, Effects& effects);
  void HoldLeases(SteadyTime now) {
    if (leases_held_++ == 0) leases_held_since_ = now;
  }
  void ReleaseLeases(SteadyTime now, Effects& effects);
  void HoldLeasesOf(SessionId id, SteadyTime now);
  void ReleaseLeasesOf(SessionId id, SteadyTime now, Effects& effects);
  void CloseConnection(const std::string& connection, SteadyTime now, Effects& effects);
  void OpenConnection(const std::string& connection, SteadyTime now, Effects& effects);
  void SetDeadLettersFull(bool full, SteadyTime now, Effects& effects);
  SteadyTime Tick(SteadyTime now, Effects& effects);

  void Expect(const Chain& chain) { StateOf(chain); }
  void OnOptionsChanged(const Chain& chain, SteadyTime now, Effects& effects);
  void SetOnDisk(const Chain& chain, Fill fill, bool full);
  void ForgetIdle(Millis idle, SteadyTime now);
  Dispatcher::Undone HoldSlow(SteadyTime since, Millis age, SteadyTime now);

  bool HasInFlight(SessionId id) const;
  bool HasWorkers() const;
  std::vector<Dispatcher::ChainCounts> Chains() const;
  // ---- for people (dispatch_load.cc)
  std::vector<ChainLoad> ChainLoads(SteadyTime now) const;
  std::optional<SessionLoad> LoadOf(SessionId id, SteadyTime now) const;
  // Of one chain, by Chain::index; `last`: of all that are counted to no chain of their own, and there are no more.
  std::vector<Whereabouts> Find(size_t chain, const MessagePredicate& wanted, bool& last) const;
  void PauseChain(const Chain& chain, SteadyTime now, Effects& effects);
  void ResumeChain(const Chain& chain, SteadyTime now, Effects& effects);
  size_t in_flight() const { return in_flight_; }
  size_t waiting() const { return waiting_; }
  size_t on_disk() const { return on_disk_; }

 private:
  // Null: of those that are counted to no chain of their own.
  std::vector<Whereabouts> FindIn(const ChainState* chain, const MessagePredicate& wanted) const;

  // ---- one event: changes, then Commit()
  void Begin(SteadyTime now, Effects& effects);
  // Puts back what returned, delivers what can be, holds the bounds, publishes metrics, gathers the effects.
  void Commit();
  ChainState& StateOf(const Chain& chain);
  // The chain's own series from now on, if there is room for them.
  void NameInMetrics(ChainState& chain, bool serves_worker);
  // ---- what the chains that can be forgotten share (dispatch_chains.cc)
  void CountShared(ChainState& chain);
  bool OverSharedBound(const ChainState& chain) const;
  void TellPressure(ChainState& chain);
  void Touch(ChainState& chain);
  // Some session would take its messages, now or when it has room.
  static bool Served(const ChainState& chain);
  // Its groups may have something to deliver.
  void MarkReady(ChainState& chain);
  void MarkDirty(SessionGroup* group);
  void Announce(SteadyTime time);

  // ---- delivering
  void Pump();
  void PumpGroup(SessionGroup& group);
  // False: no session has room for what the chain delivers next.
  bool DeliverNext(ChainState& chain);
  // Looks again whether the session that is kept for the chain's next message has room, before others get it.
  void TryReserved(ChainState& chain);
  void Assign(QueueEntry& entry, SessionState& session);
  // The connection that its replies go to takes none now.
  bool IsClosed(const QueueEntry& entry) const {
    return !closed_.empty() && closed_.contains(entry.message.route->connection);
  }
  // The next message of a chain, or of its suspects, waits aside.
  void Park(QueueEntry& entry);
  static bool Held(const ChainState& chain) { return chain.on_hold || chain.buries || chain.paused; }
  // The leases of the session go on as if nothing had been between `since` and now.
  void ShiftLeases(SessionState& session, SteadyTime since, SteadyTime now);
  void LookAfterSuspects(ChainState& chain);
  // Delivers the chain's next suspect if a session is, or can be, alone with it. False: the chain has none any more.
  bool DeliverSuspect(ChainState& chain);

  // ---- ends of an attempt
  // The delivery holds the session's window no more.
  void FreeSlot(SessionState& session, InFlightTable::Slot& slot);
  // Back to the front of its queue.
  void PutBack(QueueEntry& entry, Return reason);
  // It goes on after an attempt that counts.
  void NoteAttempt(const QueueEntry& entry);
  // For those who look. Before the entry's attempt is counted and its message goes.
  static void NoteLost(const QueueEntry& entry, DeliveryLoss loss, std::vector<LostDeliveries::One>& lost);
  void TellLost(const SessionState& session, std::vector<LostDeliveries::One> lost);
  // The session is gone, its worker may have seen the message. `alone`: it had no other.
  void LeaveWith(QueueEntry& entry, const SessionState& session, SessionEnd how, bool begun, bool alone);
  // The lease, or the time to begin, has ended.
  void Expire(QueueEntry& entry, SessionState& session, bool begun);
  // An attempt that counts was in vain: again, or a dead letter.
  void LoseAttempt(QueueEntry& entry, const SessionState& session, bool lease_ended, std::string_view why);
  void FinishOne(QueueEntry& entry, SessionState& session, Dispatcher::Finished& finished);
  // The message leaves the dispatcher. Its turn passes on.
  void Bury(QueueEntry& entry, Death death, std::string reason, const SessionState& session);
  void Lose(QueueEntry& entry, Loss loss);
  void Forget(QueueEntry& entry, Loss loss);
  // A waiting message leaves the dispatcher.
  void DropWaiting(QueueEntry& entry, Loss loss);
  void HoldBound(ChainState& chain);
  // The message has left it.
  void Free(QueueEntry& entry);
  void PublishMetrics(ChainState& chain);

  // ---- time
  void ExpireLeases(SessionState& session);

  MetricsRegistry& metrics_;
  InHand* const in_hand_;
  RetryBackoff backoff_;
  WaitingTimers timers_;
  EntryPool pool_;
  std::vector<std::unique_ptr<ChainState>> chains_;  // By Chain::index; null: not seen yet.
  std::vector<ChainState*> suspected_;               // Those with suspects that wait or are out.
  SessionTable sessions_;
  uint64_t next_arrival_ = 1;
  uint64_t next_delivery_ = 1;
  size_t in_flight_ = 0;
  size_t waiting_ = 0;
  size_t on_disk_ = 0;
  // ---- of the chains that can be forgotten
  size_t named_ = 0;                                                // Those that have series of their own.
  IntrusiveList<QueueEntry, &QueueEntry::age_link> others_by_age_;  // What is of the rest.
  size_t shared_messages_ = 0;
  size_t shared_bytes_ = 0;
  bool shared_full_ = false;
  std::vector<ChainState*> held_back_;  // Those that may have been told so because of it.
  int paused_ = 0;
  absl::flat_hash_map<std::string, int> closed_;  // Connections, with the number of reasons.
  bool dead_letters_full_ = false;
  std::vector<ChainState*> burying_;  // Those that have made dead letters since.
  int leases_held_ = 0;
  SteadyTime leases_held_since_{};
  SteadyTime announced_ = kNever;  // When the next Tick comes at the latest.

  // ---- within one event
  SteadyTime now_;
  Effects* effects_ = nullptr;
  std::vector<ChainState*> touched_;
  std::vector<SessionGroup*> dirty_;
  std::vector<SessionState*> outgoing_;
};

}  // namespace sluice
