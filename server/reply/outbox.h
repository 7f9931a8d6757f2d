// Replies between the journal and the broker's confirmation: hands them to their connection's publisher, bounds how
// many of each are outstanding, tells workers that asked what became of theirs, and sees to what a broker refuses.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/journal/journal.h"
#include "server/journal/recovered.h"
#include "server/mqtt/publisher.h"
#include "server/reply/connection_levels.h"
#include "server/reply/refused_replies.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/runtime/ticker.h"
#include "server/telemetry/log_limit.h"
#include "server/telemetry/metrics.h"
#include "server/worker/settle_handler.h"

namespace sluice {

class MessageSpans;
struct ReplySpan;
class Tap;

// Of each connection; see ConnectionLevels for what holds for all together.
struct OutboxLimits {
  size_t max_messages = 10'000;
  size_t max_bytes = 64u << 20;
  Millis result_timeout{30'000};
};

// Where a reply comes from, and who wants to know what became of it.
struct ReplyOrigin {
  uint64_t delivery_id = 0;
  uint64_t reply_id = 0;
  std::weak_ptr<ResultSink> results;  // Empty for dead letters, and after a restart.
  ChainRef chain{};                   // Null after a restart.
  MessageId message_id;
  SteadyTime received{};                    // The message that it answers.
  Histogram* answer_time = nullptr;         // Where the time from then to its confirmation goes; null: nowhere.
  std::shared_ptr<const ReplySpan> span{};  // Null: it is not traced.
};

// A message the journal has taken (record 0: QoS 0 that is not journaled).
struct OutboxItem {
  const Route* route = nullptr;      // Null after a restart.
  OutboxEntry entry;                 // With the connection to publish it on.
  bool wait_for_connection = false;  // See Outgoing.
  ReplyOrigin origin;
  uint32_t number = 0;  // Set by Send(), for those who are told. 0: nobody is.
};

// A reply that the gateway does not publish, on its way to the dead letters.
struct DeniedReply {
  OutboxEntry entry;  // Record 0: not journaled, as above.
  ReplyRefusal refusal;
  bool journaled = false;  // Is to be.
};

// A reply keeps its place, which counts against the bounds, until the broker has confirmed it, or it has failed for
// good. A refusal (PUBACK or PUBREC of 0x80 and above; larger, or of a higher QoS, than the broker takes; the last of
// five connections broke over it) is told to the worker at once. Then the reply goes to RefusedReplies, which keeps
// the place until it has let go of it; or, with none set, is published again, behind what came meanwhile and not
// holding it up: a second later, then after twice as long each time, at most a minute.
//
// Thread-safe.
class Outbox final : public PublishListener, public Tickable {
 public:
  // `on_full`: no more must be asked of workers for a connection that is full. Called without the lock.
  Outbox(const Clock& clock, Journal& journal, MetricsRegistry& metrics, OutboxLimits limits,
         ConnectionLevels::OnFull on_full);
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // What goes to `connection` goes to `publisher`, which outlives the last Send(). Before that.
  void AddConnection(const std::string& connection, Publisher& publisher);
  // Set-up: `refused` takes what a broker refuses. Without, it is tried again.
  void HandRefusedTo(RefusedReplies& refused) { refused_ = &refused; }

  // Set-up: `denied` takes what the gateway refuses. Without, none is kept: of what an earlier process kept the records
  // end.
  void HandDeniedTo(RefusedReplies& denied) { denied_ = &denied; }

  // Set-up: who looks sees there what goes to brokers, and what becomes of it. It outlives this.
  void ShowTo(Tap& tap) { tap_ = &tap; }
  // Set-up: what has become of replies that are traced is told to it. It outlives this.
  void TraceBy(MessageSpans& spans) { spans_ = &spans; }

  // Whether what is handed over has its places already, by Reserve().
  enum class Places : bool { kNew, kReserved };
  // For replies that are on their way here: they count against their connection's bounds from now on.
  void Reserve(std::span<const OutboxItem> items, std::span<const DeniedReply> denied);

  // Takes all of them, also over a bound: on_full is what holds it.
  void Send(std::vector<OutboxItem> items, Places places = Places::kNew);
  // They keep their places until they stand in the dead letters. After HandDeniedTo().
  void KeepDenied(std::vector<DeniedReply> replies, Places places = Places::kNew);
  // As Send() for what an earlier process left, in order, before anything new of the same topics is sent. QoS 0 waits
  // for the connection: only what waits stands in a journal. A connection that is not there counts as a refusal;
  // where refusals are tried again the reply stays in the journal for a start that has the connection.
  void Recover(std::vector<RecoveredReply> replies);

  void OnOutcomes(std::span<const PublishOutcome> outcomes) override;
  SteadyTime Tick(SteadyTime now) override;

  size_t outstanding() const { return levels_.held().messages; }
  // Of these, what Recover() has handed to a publisher.
  size_t recovered() const {
    MutexLock lock(mutex_);
    return recovered_;
  }
  // What may be sent on the connection before a bound is reached; nothing while it is full and not relieved yet. What
  // goes to connections that are not there has room of its own.
  Fill room(std::string_view connection) const { return levels_.room(levels_.Number(connection)); }
  // What it holds for the connection, and the bounds of each.
  Fill held(std::string_view connection) const { return levels_.held(levels_.Number(connection)); }
  Fill bounds() const { return bounds_; }
  // Replies to each of these messages that no broker has confirmed. Looks at all that are outstanding, with the lock
  // held: not for the path.
  std::vector<size_t> UnconfirmedOf(std::span<const MessageId> messages) const;
  // Messages that the connection's broker has confirmed, and their bytes (topic, payload, properties).
  Fill published(std::string_view connection) const;
  bool any_full() const { return levels_.any_full(); }
  bool full(std::string_view connection) const { return levels_.full(levels_.Number(connection)); }
  // Twice a bound is reached.
  bool overdrawn(std::string_view connection) const { return levels_.overdrawn(levels_.Number(connection)); }
  // Whether it was added.
  bool knows(std::string_view connection) const { return levels_.Number(connection) != kNoConnection; }

 private:
  struct Target {
    Publisher* publisher = nullptr;
    Counter* messages = nullptr;  // Confirmed,
    Counter* bytes = nullptr;     // and theirs.
    size_t level = 0;             // Its number in levels_.
  };
  using Connections = std::map<std::string, Target, std::less<>>;
  struct Slot {
    bool used = false;
    bool told = false;  // The worker has had its result: no second one.
    bool wait_for_connection = false;
    uint8_t refusals = 0;  // Held at 255.
    RecordId record = 0;
    size_t bytes = 0;             // Its footprint, as the bound counts.
    size_t level = 0;             // In levels_.
    uint32_t number = 0;          // See OutboxItem.
    size_t published_bytes = 0;   // Of topic, payload and properties.
    SteadyTime deadline;          // Of the result.
    SteadyTime expires = kNever;  // Of the message. kNever from when its publisher was asked to drop it, too.
    const Connections::value_type* connection = nullptr;
    const Route* route = nullptr;
    ReplyOrigin origin;
  };
  struct Retry {
    uint64_t token = 0;
    std::shared_ptr<const OutboundMessage> message;
  };

  // Null: there is none.
  const Connections::value_type* FindConnection(const std::string& name) const;
  uint64_t TakeSlot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FreeSlot(uint64_t token) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Confirmed on `connection`; null: none.
  static void Count(const Connections::value_type* connection, Fill published);
  // To those who look.
  void TellReplied(std::span<OutboxItem> items);
  struct Told {
    MessageId message_id;
    ChainRef chain{};
    std::string_view connection;  // Of an entry that stays.
    std::string why;              // Empty: it has been confirmed.
    uint32_t number = 0;
  };
  static Told ToTell(const Slot& slot, const PublishOutcome& outcome);
  void TellConfirmed(std::span<const Told> told);
  // Of a reply that is traced.
  struct Traced {
    std::shared_ptr<const ReplySpan> span;
    std::string_view connection;  // Of an entry that stays.
    ChainRef chain{};
    std::string why;  // Empty: it has been confirmed.
  };
  void EndSpans(std::span<const Traced> traced);
  // Without its place.
  static RefusedReply Describe(const Slot& slot, const PublishOutcome& outcome);
  void RetryLater(Slot& slot, const PublishOutcome& outcome) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Millis Pause(uint8_t refusals) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PublishAgain(SteadyTime now);
  static constexpr size_t kNoConnection = 0;  // In levels_.
  // Hands them over with their places, which are counted already; not `known`: under none of the connections.
  void HandOver(std::vector<RefusedReply> refused, RefusedReplies& to, bool known = true);
  SteadyTime TellTimeouts(SteadyTime now);

  Counter& OutcomeCounter(PublishOutcome::Code code) { return *outcome_counters_[static_cast<size_t>(code)]; }

  // Constant after set-up.
  const Clock& clock_;
  Journal& journal_;
  MetricsRegistry& metrics_;
  const Millis result_timeout_;
  RefusedReplies* refused_ = nullptr;
  RefusedReplies* denied_ = nullptr;
  Tap* tap_ = nullptr;                     // Null: nobody looks.
  MessageSpans* spans_ = nullptr;          // Null: nothing is traced.
  std::atomic<uint32_t> next_number_ = 1;  // Of replies, for those who are told.
  std::array<Counter*, PublishOutcome::kCodes> outcome_counters_;
  Counter& timeouts_;
  Counter& retries_;
  log::Limiter log_limit_;

  const Fill bounds_;
  ConnectionLevels levels_;  // Thread-safe. Of slots, and of places that RefusedReplies keeps.

  mutable Mutex mutex_;
  Connections connections_ ABSL_GUARDED_BY(mutex_);  // Entries stay, and stay as they are.
  std::vector<Slot> slots_ ABSL_GUARDED_BY(mutex_);  // Token - 1 is the index.
  std::vector<uint64_t> free_ ABSL_GUARDED_BY(mutex_);
  size_t recovered_ ABSL_GUARDED_BY(mutex_) = 0;  // Of the slots that are used, those without a route.
  std::multimap<SteadyTime, Retry> retries_due_ ABSL_GUARDED_BY(mutex_);
  std::minstd_rand random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
