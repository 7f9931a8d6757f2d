// What a worker said becomes what happens: settles end messages in the journal, replies are checked and go to the
// outbox, and only then is the ordering key free.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "server/journal/journal.h"
#include "server/queue/dispatcher.h"
#include "server/reply/denied_replies.h"
#include "server/reply/outbox.h"
#include "server/reply/reply_policy.h"
#include "server/runtime/fill_level.h"
#include "server/runtime/mutex.h"
#include "server/runtime/ticker.h"
#include "server/worker/settle_handler.h"

namespace sluice {

// When the journal cannot be written, what needs it is held, in order, and tried again until it can: no message ends,
// nothing is published, no attempt is counted, and nothing goes to the dead letters, because of the disk. A message
// that is settled but held takes its place in its worker's window, so that workers soon get nothing more. What is held
// of replies is bounded, too: at the bound on_full() says that no more must be read of workers.
//
// A reply that the gateway refuses is written to the journal with the rest, as one that is not to be published, and
// goes to the dead letters.
//
// Whatever is published stands in the journal first. So a gateway that dies while it holds settles delivers their
// messages again, and has published nothing of them.
//
// Thread-safe; one session's frames must come in order, one at a time.
class Settler final : public SettleHandler, public Tickable {
 public:
  // Of replies, while the journal cannot be written.
  struct HeldLimits {
    size_t max_messages = 10'000;
    size_t max_bytes = 64u << 20;
  };

  // `on_full(true)` at a bound of `limits`, `on_full(false)` at half of both; alternating.
  Settler(const Clock& clock, Dispatcher& dispatcher, Journal& journal, Outbox& outbox, ReplyRules rules,
          MetricsRegistry& metrics, HeldLimits limits, std::function<void(bool)> on_full);

  // A chain of the configuration: its metrics are there before its first message.
  void Expect(const Chain& chain) { denied_.Expect(chain.name); }

  void OnReplies(SessionId session, std::vector<WorkerReply> replies,
                 const std::shared_ptr<ResultSink>& results) override;
  void OnSettles(SessionId session, std::vector<WorkerSettle> settles,
                 const std::shared_ptr<ResultSink>& results) override;

  // Tries to journal what is held.
  SteadyTime Tick(SteadyTime now) override;

  // Whether the journal could not be written when it was last tried.
  bool holding() const { return holding_.load(std::memory_order_acquire); }

 private:
  // Deliveries to be released once their batch stands in the journal.
  struct Ending {
    SessionId session = 0;
    std::vector<Dispatcher::Finished> finished;
  };
  // What is journaled in one write, and what happens then. Of one frame, or of several that were held.
  struct Batch {
    std::vector<RecordId> ended;
    std::vector<OutboxItem> replies;
    std::vector<DeniedReply> denied;
    std::vector<Ending> endings;
    std::vector<ItemResult> results;  // Known without the journal.
  };
  // Who has sent a reply, to which delivery.
  struct Sender {
    SessionId session = 0;
    uint64_t delivery_id = 0;
    const std::shared_ptr<ResultSink>& results;
  };

  void Decide(WorkerReply& reply, const Sender& sender, const Dispatcher::InFlightInfo& about, Batch& batch);
  void Deny(ReplyRefused refused, const Sender& sender, const Dispatcher::InFlightInfo& about, Batch& batch);
  static Fill RepliesOf(const Batch& batch);
  // Journals and carries out, or holds.
  void Process(Batch batch, const std::shared_ptr<ResultSink>& sink);
  // One transaction. On an error nothing has changed.
  absl::Status Record(Batch& batch);
  // Publishes and releases what stands in the journal.
  void CarryOut(Batch& batch);
  void Hold(Batch batch, const absl::Status& why);
  // Some of the held batches, joined.
  Batch TakeHeld();

  const Clock& clock_;
  Dispatcher& dispatcher_;
  Journal& journal_;
  Outbox& outbox_;
  const ReplyRules rules_;
  DeniedReplies denied_;
  Counter& refused_;
  Counter& without_topic_;
  Counter& stale_;
  Counter& with_retry_;
  Gauge& held_settles_;
  FillLevel held_replies_;

  Mutex mutex_;
  std::deque<Batch> held_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> holding_ = false;  // Something is held; written under mutex_.
  SteadyTime retry_at_{};              // Of the ticker's thread.
};

}  // namespace sluice
