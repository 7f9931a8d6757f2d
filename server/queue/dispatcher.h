// The chain queues and who gets what from them: windows, leases, ordering keys, retries. Pure logic under one mutex
// that is taken once per batch; time comes as a parameter, deliveries leave through DeliverySink.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "server/journal/in_hand.h"
#include "server/journal/journal.h"
#include "server/queue/load.h"
#include "server/queue/verdict.h"
#include "server/queue/whereabouts.h"
#include "server/queue/window.h"
#include "server/route/route.h"
#include "server/runtime/clock.h"
#include "server/runtime/ticker.h"
#include "server/runtime/watermark.h"
#include "server/telemetry/metrics.h"

namespace sluice {

using SessionId = uint64_t;  // One worker stream; never 0, never reused.

// One attempt, as the worker's stream needs it. Cheap to move; shares the message.
struct Delivery {
  uint64_t id = 0;  // Never 0, never reused; grows from one attempt on a session to the next.
  MessagePtr message;
  const Route* route = nullptr;
  ChainRef chain;
  std::string start_node;
  std::string_view ordering_key;  // Into the message's topic.
  MessageId message_id;
  uint32_t attempt = 0;  // From 1.
  Millis lease{0};       // Counted by the gateway from here on.
};

// Why a delivery ends without a settle, while its session goes on. The numbers are Revoke.Reason's.
enum class RevokeReason : uint8_t { kLeaseEnded = 1, kNotBegun = 2 };

struct Revocation {
  uint64_t delivery_id = 0;
  RevokeReason reason = RevokeReason::kLeaseEnded;
};

// How a session comes to its end.
enum class SessionEnd : uint8_t {
  kLost,     // Without a word: what its worker had may have been the cause.
  kLeft,     // The worker has let go of what it had.
  kDrained,  // As agreed, or by the gateway: no attempt counts.
};

// A worker's stream, as the dispatcher sees it.
class DeliverySink {
 public:
  virtual ~DeliverySink() = default;
  // Takes over a batch: writes it when it can. Called without the dispatcher's lock, from any thread, by several at
  // once (batches of one session may then come in another order than their ids), before AddSession has returned the
  // session's id, and still while or after the session is being removed: such a batch is to be forgotten, the
  // dispatcher has put it back. Must not block or throw. May call the dispatcher.
  virtual void Deliver(std::vector<Delivery> batch) = 0;
  // The worker does not have these any more; it may not have got them yet. As Deliver().
  virtual void Revoke(std::vector<Revocation> revocations) = 0;
};

// Why a message goes to the dead letters.
struct DeadLetter {
  RoutedMessage message;
  std::string
      reason;  // "rejected: …"; "gave up after 5 attempts: …" (the worker's words, lease expired, worker lost …).
  std::string worker;  // Name of the session that had it last; may be empty.
};

// How a delivery ended without having been settled.
enum class DeliveryLoss : uint8_t {
  kLeaseEnded,  // Its worker has had it for too long,
  kNotBegun,    // or has not begun it in time.
  kWorkerLost,  // Its worker's stream was lost without a word,
  kWorkerLeft,  // was half-closed by a worker that still had it,
  kDrained,     // ended after a drain or with the gateway,
  kUnsent,      // or ended before the delivery was written to it.
};

// Deliveries of one worker that came to nothing: their messages go back, or are dropped or dead letters.
struct LostDeliveries {
  struct One {
    std::shared_ptr<const Message> message;
    MessageId id;
    const Route* route = nullptr;
    ChainRef chain;
    uint32_t attempt = 0;  // As its Delivery had it.
    DeliveryLoss loss = DeliveryLoss::kLeaseEnded;
  };
  std::string worker;  // See SessionOptions.
  std::vector<One> deliveries;
};

// Why a message ends that is neither settled nor a dead letter.
enum class Loss : uint8_t {
  kQueueFull,     // QoS 0: others of its chain have its place.
  kExpired,       // Its expiry interval was over.
  kLeaseExpired,  // QoS 0: a worker has had it for too long,
  kLostWorker,    // or its stream was lost.
};

struct LostMessage {
  RoutedMessage message;
  Loss loss = Loss::kQueueFull;
};

// What the dispatcher tells. Called without its lock, from any thread; must not block.
class DispatcherListener {
 public:
  virtual ~DispatcherListener() = default;
  // What waits in the chain's queue of QoS 1 and 2 has reached its high watermark (4/5 of a bound), or has fallen to
  // its low one (1/2 of both) again. QoS 0 does not press: it is dropped at the bound. Told once per change, one at a
  // time, in the order in which it happened.
  virtual void OnPressure(const Chain& chain, bool high) = 0;
  // These have used up their attempts. Their ordering keys are already released.
  virtual void OnDeadLetters(std::vector<DeadLetter> letters) = 0;
  // These are with their worker no more. Told before any of their messages is delivered again.
  virtual void OnLost(const LostDeliveries& lost) = 0;
  // These are nobody's any more: their journal records end.
  virtual void OnDropped(std::vector<LostMessage> dropped) = 0;
  // These were delivered that often in vain, and go on.
  virtual void OnAttempts(std::span<const AttemptsNote> notes) = 0;
};

struct SessionOptions {
  std::string worker;                // "name/instance", for dead letters and logs.
  std::vector<const Chain*> chains;  // At least one; held by the caller.
  Window window;
  Millis lease{0};  // 0: each chain's own. Held to 1 s … the chain's max_lease.
  // The worker will call Begin(). Until then a delivery has no lease, and no attempt of it counts.
  bool tells_began = false;
};

// Thread-safe. Every call delivers at once what it makes possible: there is no thread of its own between a message's
// arrival and its worker's stream.
//
// Who gets the next message of a chain: the session with the least in flight relative to its window, by messages or
// bytes, whichever is tighter; equally loaded ones take turns, and so do the chains of a session. Messages of one
// ordering key follow each other on one session while that has room. A message too large for what is left of any
// window waits for the least loaded session, which then takes nothing else until it fits.
//
// QoS 0 is at most once: what a worker may have seen when its lease or stream was lost is dropped and counted. Only
// the worker itself can have it again (kRetry).
//
// A lost worker makes suspects of what it had: of what it said it had begun; of what was in the hands of a lost worker
// before; and of what has one attempt left. One suspect of a chain at a time is delivered, to a session that holds
// nothing else and gets nothing else meanwhile; the other sessions go on. A worker that is lost with a message of which
// it held no other counts as an attempt, begun or not, and only that makes it a dead letter. So what kills its worker
// is found, and nothing that was beside it pays for it.
class Dispatcher final : public Tickable {
 public:
  // `listener`, `metrics`, `clock` and `in_hand` outlive it. `wake_by` asks the ticker for a Tick. `seed` is for back-off
  // jitter. `in_hand` remembers what workers have, over a kill; null: nobody does.
  Dispatcher(const Clock& clock, MetricsRegistry& metrics, DispatcherListener& listener,
             std::function<void(SteadyTime)> wake_by, uint64_t seed, InHand* in_hand = nullptr);
  ~Dispatcher() override;
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // ---- from intake
  // Takes all of them and delivers what workers have room for. What then waits over a chain's bound: the oldest of QoS
  // 0 are dropped and counted, the new ones themselves if no other waits; QoS 1 and 2 are always taken (their bound is
  // held by OnPressure, which pauses intake).
  void Enqueue(std::span<RoutedMessage> batch);

  // ---- from worker streams
  // Deliveries begin before it returns.
  SessionId AddSession(SessionOptions options, std::shared_ptr<DeliverySink> sink);
  // Held to 1,048,576 messages. Takes nothing back.
  void SetWindow(SessionId session, Window window);
  // No new deliveries; what is in flight stays.
  void DrainSession(SessionId session);
  // The worker has begun these: their leases start. Returns those that are stale.
  std::vector<uint64_t> Begin(SessionId session, std::span<const uint64_t> ids);
  // What is in flight goes back to the front of its queues, in order of arrival. `written`: ids up to and including
  // this one (ids of a session grow) may have been seen by the worker, so those of QoS 0 are dropped, and of the others
  // the attempt counts if they were begun (unless kDrained); for those after it, neither. What is claimed stays with
  // its claimer, who still calls Finish. Unknown sessions are ignored.
  void RemoveSession(SessionId session, SessionEnd how, uint64_t written);
  // Claimed but not finished counts as in flight, here and in Idle().
  bool HasInFlight(SessionId session) const;

  // Settling is two steps, so that replies stand in the outbox before the ordering key is free: Claim takes the
  // delivery out of flight (lease ends, window and key stay held), Finish releases it. nullopt: stale.
  struct Claimed {
    uint64_t delivery_id = 0;
    RoutedMessage message;
    Histogram* answer_time = nullptr;  // Of its chain: received to the confirmation of a reply.
  };
  // Results in the order of `ids`. The second of two equal ids is stale.
  std::vector<std::optional<Claimed>> Claim(SessionId session, std::span<const uint64_t> ids);
  struct Finished {
    Claimed claimed;
    Verdict verdict = Verdict::kAck;  // kAck, kDrop: gone. kReject: dead letter. kRetry: again, or dead letter.
    Millis retry_after{0};            // kRetry: 0 means the back-off of the attempt.
    std::string reason;
  };
  // `finished` are what Claim gave, their messages included; anything else is ignored.
  void Finish(SessionId session, std::vector<Finished> finished);

  // The message of a delivery that is in flight on `session`, for replies ahead of their settle; null: stale.
  struct InFlightInfo {
    MessagePtr message;
    const Route* route = nullptr;
    ChainRef chain{};
    MessageId id;
    Histogram* answer_time = nullptr;  // As Claimed's.
  };
  std::vector<std::optional<InFlightInfo>> Peek(SessionId session, std::span<const uint64_t> ids) const;
  // The lease ends `lease` (held to 1 s … the chain's max_lease) from now, at the latest max_lease after it started.
  // What was not begun is so with it. nullopt: stale.
  struct Extended {
    Millis lease{0};       // From now.
    bool clipped = false;  // Shorter than asked for; it cannot be extended any further.
  };
  std::optional<Extended> Extend(SessionId session, uint64_t delivery_id, Millis lease);
  // Its SessionOptions::worker; empty when it is not known any more.
  std::string WorkerOf(SessionId session) const;

  // ---- from the gateway
  // While paused nothing is delivered (the gateway drains). Reasons are counted: as many Resume as Pause.
  void Pause();
  void Resume();
  // Meanwhile no lease ends: nobody hears workers that settle or extend. Reasons are counted, as above.
  void HoldLeases();
  void ReleaseLeases();
  // The same for one session, and not counted. Unknown ones are ignored.
  void HoldLeases(SessionId session);
  void ReleaseLeases(SessionId session);
  // While a connection takes no replies, messages whose route is of it wait, and let the others of their chain pass.
  // Reasons are counted: as many Open as Close. What is delivered already stays where it is.
  void CloseConnection(const std::string& connection);
  void OpenConnection(const std::string& connection);
  // From the first dead letter that a chain makes while they are full until they are not, nothing of it is delivered.
  void SetDeadLettersFull(bool full);
  // Nothing of the chain is delivered from now on, until ResumeChain(); what is in flight goes on. It is kept in mind as
  // long as the chain is. Idempotent.
  void PauseChain(const Chain& chain);
  void ResumeChain(const Chain& chain);
  // Nothing in flight anywhere.
  bool Idle() const;
  // Somebody works; those that drain do not count.
  bool HasWorkers() const;
  // The chain is configured: it has metrics and counts also before its first message.
  void Expect(const Chain& chain);
  // The chain's options are others now: its bounds hold from here on.
  void OnOptionsChanged(const Chain& chain);
  // So much of the chain waits on disk, and is yet to be enqueued: for metrics, and for Backlog(). `full`: that is as
  // much as may; for metrics.
  void SetOnDisk(const Chain& chain, Fill fill, bool full = false);
  // Of each chain that is expected, or that messages came for or sessions serve.
  struct ChainCounts {
    ChainRef chain{};
    size_t waiting = 0;
    size_t on_disk = 0;
    size_t in_flight = 0;
  };
  std::vector<ChainCounts> Chains() const;
  // For people. The first looks at each chain, the second at all that the session has in flight: not for the path.
  std::vector<ChainLoad> ChainLoads() const;
  std::optional<SessionLoad> LoadOf(SessionId session) const;
  // Messages that are wanted, of those that wait in memory or are in flight. Looks at all there are, with the lock held
  // for those of one chain at a time: not for the path.
  std::vector<Whereabouts> Find(const MessagePredicate& wanted) const;
  // Forgets the chains that can be forgotten, and for `idle` have had no worker, no message and nothing else. Wants to
  // be called now and then: what happens in between counts as now.
  void ForgetIdle(Millis idle);
  // Waiting, on disk too, and in flight, over all chains.
  size_t Backlog() const;
  // Waits until nothing waits in memory or is in flight, or for `deadline`; true if nothing is.
  bool WaitUntilEmpty(SteadyTime deadline);
  // The same for what is in flight alone.
  bool WaitUntilIdle(SteadyTime deadline);

  // For an end that does not wait for all. Holds, for good, every chain that has no worker, or a delivery that has been
  // out for `age`: nothing more of it is delivered. All others go on.
  struct Undone {
    size_t in_flight = 0;  // Of chains that are held, and what was delivered before `since`.
    size_t waiting = 0;    // In the queues of chains that are not held.
  };
  Undone HoldSlow(SteadyTime since, Millis age);

  // Leases, retries, expiry. Wants to be called no more often than every 10 ms, save after a tick that had too much
  // to do and let go of the lock in between.
  SteadyTime Tick(SteadyTime now) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
