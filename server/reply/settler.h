// What a worker said becomes what happens: settles end messages in the journal, replies are checked and go to the
// outbox, and only then is the ordering key free.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/journal/journal.h"
#include "server/queue/dispatcher.h"
#include "server/reply/denied_replies.h"
#include "server/reply/outbox.h"
#include "server/reply/reply_policy.h"
#include "server/reply/stream_holds.h"
#include "server/runtime/fill_level.h"
#include "server/runtime/live.h"
#include "server/runtime/mutex.h"
#include "server/runtime/ticker.h"
#include "server/worker/settle_handler.h"

namespace sluice {

class MessageSpans;
class Tap;

// When the journal cannot be written, what needs it is held, in order, and tried again until it can: no message ends,
// nothing is published, no attempt is counted, and nothing goes to the dead letters, because of the disk. A message
// that is settled but held takes its place in its worker's window, so that workers soon get nothing more. What is held
// of replies is bounded, too: at the bound on_full() says that no more must be read of workers.
//
// Where the journal is on a disk, a thread of its own writes: who reads from workers does not wait. What comes meanwhile
// is gathered into the next write, in order; a settle's message keeps its place in the window until then. A disk that
// stalls holds up what needs it, and nothing else: what was at most once when it came goes past a write that takes long.
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
  // Of replies, while the journal cannot be written. With a thread the outbox' bounds hold instead.
  struct HeldLimits {
    size_t max_messages = 10'000;
    size_t max_bytes = 64u << 20;
  };

  enum class Writes : bool { kAtOnce, kOnOwnThread };

  // `on_full(true)` at a bound of `limits`, `on_full(false)` at half of both; alternating.
  Settler(const Clock& clock, Dispatcher& dispatcher, Journal& journal, Outbox& outbox, ReplyRules rules,
          MetricsRegistry& metrics, HeldLimits limits, std::function<void(bool)> on_full,
          Writes writes = Writes::kAtOnce);
  ~Settler() override;

  // Set-up: streams that bring much for a connection that is full are told to it. It outlives this.
  void TellOf(StreamHolds& holds) { holds_ = &holds; }
  // Set-up: who looks sees there what is settled. It outlives this.
  void ShowTo(Tap& tap) { tap_ = &tap; }
  // Set-up: what is traced is told to it. It outlives this.
  void TraceBy(MessageSpans& spans) { spans_ = &spans; }

  // What holds for replies from the next frame on, but for keep_denied, which stays. Thread-safe.
  void SetRules(ReplyRules rules) { rules_.Set(std::move(rules)); }

  // A chain of the configuration: its metrics are there before its first message.
  void Expect(const Chain& chain) { denied_.Expect(chain.name); }

  void OnReplies(SessionId session, std::vector<WorkerReply> replies,
                 const std::shared_ptr<ResultSink>& results) override;
  void OnSettles(SessionId session, std::vector<WorkerSettle> settles,
                 const std::shared_ptr<ResultSink>& results) override;

  // Runs `task`, which may wait for the journal's disk: on the thread that writes, if there is one.
  void Run(std::function<void()> task);
  // True: all that has come until now is carried out. Waits for it until `deadline`, or until the journal cannot be
  // written.
  bool Flush(SteadyTime deadline);
  // Writes what is left once more, and ends the thread. Nothing may come any more. Idempotent.
  void Stop();

  // Tries to journal what is held, where no thread does. With one: lets past what needs no journal.
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
    std::vector<ItemResult> results;            // Known without the journal.
    bool held = false;                          // It was.
    size_t joined = 1;                          // Calls that it is of.
    std::shared_ptr<const ReplyRules> rules{};  // While its replies are decided.
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
  void Trace(const std::vector<Dispatcher::Finished>& finished) const;
  void TellSettled(SessionId session, const std::vector<Dispatcher::Finished>& finished) const;
  static int64_t SettlesOf(const Batch& batch);
  // Journals and carries out, or holds.
  void Process(SessionId session, Batch batch, const std::shared_ptr<ResultSink>& sink);
  void Dispose(Batch batch, const std::shared_ptr<ResultSink>& sink);
  // What a frame brings for connections that are full.
  std::map<std::string, Fill, std::less<>> ForFull(const Batch& batch) const;
  // One transaction. On an error nothing has changed.
  absl::Status Record(Batch& batch);
  // Publishes and releases what stands in the journal.
  void CarryOut(Batch& batch);
  void Hold(Batch batch, const absl::Status& why);
  // Some of the held batches, joined.
  Batch TakeHeld();
  // Writes some of what is held. False: the journal cannot be written.
  bool WriteHeld();
  void BeginHolding(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // It needs a record in the journal, or an end of one.
  static bool NeedsJournal(const Batch& batch);
  // The thread has been waiting for the disk for longer than it should.
  bool stalled() const;
  // Carries out what is held and needs no journal.
  void LetPast();
  // The thread.
  void Write();

  const Clock& clock_;
  Dispatcher& dispatcher_;
  Journal& journal_;
  Outbox& outbox_;
  Live<ReplyRules> rules_;
  const bool keep_denied_;
  DeniedReplies denied_;
  StreamHolds* holds_ = nullptr;
  Tap* tap_ = nullptr;             // Null: nobody looks.
  MessageSpans* spans_ = nullptr;  // Null: nothing is traced.
  Counter& refused_;
  Counter& without_topic_;
  Counter& stale_;
  Counter& with_retry_;
  Gauge& held_settles_;
  FillLevel held_replies_;

  const bool has_thread_;

  Mutex mutex_;
  CondVar work_;                                    // For the thread.
  CondVar written_;                                 // For Flush().
  std::deque<Batch> held_ ABSL_GUARDED_BY(mutex_);  // With a thread also what it has not come to yet.
  std::vector<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool running_tasks_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<bool> holding_ = false;               // What is held waits for the journal; written under mutex_.
  std::atomic<size_t> queued_ = 0;                  // Calls in held_, and those that are being written.
  std::atomic<SteadyTime> writing_since_ = kNever;  // The thread has begun something that waits for the disk.
  SteadyTime retry_at_{};                           // Of the ticker's thread.
  std::thread thread_;                              // Last: it uses the rest.
};

}  // namespace sluice
