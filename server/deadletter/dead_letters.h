// Where messages go that no worker could settle or no chain take, and replies that their broker or the gateway refused:
// noted in the journal at once, written to the store by a thread of its own, and only then let go by the journal and,
// where the chain has a dead-letter topic, published.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "server/deadletter/letter.h"
#include "server/deadletter/letter_sink.h"
#include "server/journal/crash_marks.h"
#include "server/journal/journal.h"
#include "server/journal/recovered.h"
#include "server/mqtt/options.h"
#include "server/queue/dispatcher.h"
#include "server/reply/outbox.h"
#include "server/reply/refused_replies.h"
#include "server/route/unroutable.h"
#include "server/runtime/clock.h"
#include "server/runtime/fill_level.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/log_limit.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// What stands behind names, some of which another process has left. Null when there is none of that name any more: such
// a letter is kept, not published.
struct DeadLetterNames {
  std::function<ChainRef(std::string_view name)> chain;
  std::function<const Route*(std::string_view id)> route;
  std::function<std::shared_ptr<const MqttOptions>(const std::string& name)> connection;
};

// How much may wait for the store.
struct DeadLetterBacklog {
  size_t max_messages = 10'000;
  size_t max_bytes = 64u << 20;
};

// Thread-safe, save Start and Stop.
//
// While the store cannot be written it is tried again, with a growing pause, and what is journaled stays in the
// journal: nothing is lost when the process ends, save messages of QoS 0.
//
// What no chain can take is as much as anybody likes to publish. So it never fills `backlog`, which would stop the
// workers: where half of it waits, what comes is left in the journal and read from there when the rest is written.
class DeadLetters final : public RefusedReplies, public UnroutableSink {
 public:
  // What the journal holds as dead letters, with records after `after` (0: from the begin), in order; empty: that was
  // all.
  using ReadJournaled = std::function<absl::StatusOr<std::vector<RecoveredDeadLetter>>(RecordId after)>;

  // What is referred to outlives it. `on_full(true)` at a bound of `backlog`: nothing more must be delivered of
  // chains that make dead letters; `on_full(false)` at half of both. Called without the lock, alternating.
  DeadLetters(const Clock& clock, Journal& journal, Outbox& outbox, LetterSink& store, DeadLetterNames names,
              DeadLetterBacklog backlog, MetricsRegistry& metrics, std::function<void(bool)> on_full);
  ~DeadLetters() override;  // Stops at once.
  DeadLetters(const DeadLetters&) = delete;
  DeadLetters& operator=(const DeadLetters&) = delete;

  // Set-up. A letter over which processes have died as they wrote it stays in the journal: it is found by writing one at
  // a time after such an end. `marks` outlives this.
  void Mark(CrashMarks& marks) { mark_.emplace(&marks, CrashMarks::Part::kDeadLetters); }
  // Set-up. `run` is given what notes letters in the journal, which waits for the disk, and runs it elsewhere, one after
  // the other: so that nobody who calls Take() waits. Without, Take() notes them itself.
  void NoteBy(std::function<void(std::function<void()>)> run) { note_by_ = std::move(run); }
  // Set-up, for tests: called with each that is about to be written.
  void LookAt(std::function<void(const Message&)> look) { look_ = std::move(look); }

  // Begins to write: first what the journal has held since before (`read` null: nothing), then what Take() brings.
  void Start(ReadJournaled read);
  // Writes what waits, until `deadline`; returns how many are left. What is left and journaled is written after the
  // next start.
  size_t Stop(SteadyTime deadline);
  // Waits until nothing waits, or for `deadline`. Between Start and Stop.
  void Flush(SteadyTime deadline);

  // At least one. Does not wait for the store.
  void Take(std::vector<DeadLetter> letters);
  void Take(std::vector<RefusedReply> replies) override;
  // False where the journal cannot be read, and half of the backlog waits.
  bool TakesUnroutable() const override;
  void TakeUnroutable(std::vector<Unroutable> letters) override;

  // One step of the thread's work: writes what is due. Returns when the next is due if nothing comes before.
  // For tests, which do not call Start(), save with SetJournaled().
  SteadyTime Work();
  void SetJournaled(ReadJournaled read);

  // Why the store cannot be written; empty: it can. For people.
  std::string trouble() const;
  // Whether on_full() holds.
  bool full() const { return level_.full(); }
  size_t waiting() const { return level_.held().messages; }

 private:
  struct Pending {
    StoredLetter letter;
    size_t bytes = 0;
    RecordId record = 0;
    bool reply = false;            // `record` is one of the outbox.
    const Route* route = nullptr;  // Null, or no chain: not to be published.
    ChainRef chain{};
    bool counted = true;  // In level_.
    std::shared_ptr<const void> place;
  };

  void Run();
  void Add(std::vector<Pending> pending);
  // The two halves of Add().
  void Count(std::vector<Pending>& pending);
  void Queue(std::vector<Pending> pending);
  // In the journal, so that they are letters after a crash, too.
  void Note(std::span<const Pending> letters);
  void LogTaken(const DeadLetter& letter, size_t count);
  // More would fill more than half of the backlog.
  bool HalfFull(Fill more) const;

  // ---- the thread's work
  // Each fills current_; false: nothing waits.
  absl::StatusOr<bool> Fetch();
  // One of those fetched becomes current_, which is empty; false: there is none.
  bool NextAlone();
  bool LeavesOut(const Pending& pending);
  bool FetchQueued();
  absl::StatusOr<bool> FetchJournaled();
  // Whether the journal is to be looked through, from read_after_ on.
  bool Reads();
  absl::Status WriteCurrent();
  void Done();
  void Failed(const absl::Status& status, SteadyTime now);
  Pending FromJournal(RecoveredDeadLetter recovered) const;

  const Clock& clock_;
  Journal& journal_;
  Outbox& outbox_;
  LetterSink& store_;
  const DeadLetterNames names_;
  const DeadLetterBacklog backlog_;
  log::Limiter log_limit_;
  Counter& refused_;
  Counter& failures_;
  Counter& left_out_;

  std::function<void(const Message&)> look_;
  std::function<void(std::function<void()>)> note_by_;

  // Of Work()'s caller: the thread, or the test.
  std::optional<CrashMark> mark_;
  std::deque<Pending> one_by_one_;  // Fetched, where mark_ is careful.
  ReadJournaled read_journaled_;
  RecordId read_after_ = 0;
  bool recovered_ = false;        // What the journal has held since before the start is written.
  std::vector<Pending> current_;  // Being written.
  bool stored_ = false;           // current_ stands in the store, and is to be settled.
  Millis pause_{0};               // Before the next attempt; 0: the last one went well.
  SteadyTime retry_at_{};
  SteadyTime expire_at_{};

  FillLevel level_;  // Thread-safe. Of queue_, and of current_ where counted.

  mutable Mutex mutex_;
  CondVar changed_;
  CondVar written_;
  std::vector<Pending> queue_ ABSL_GUARDED_BY(mutex_);
  bool journaled_ ABSL_GUARDED_BY(mutex_) = false;  // The journal can be read.
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;    // It is being looked through.
  RecordId left_from_ ABSL_GUARDED_BY(mutex_) = 0;  // Of what was left in it since, the oldest; 0: nothing.
  // In queue_ and current_, and so not to be taken from the journal too.
  std::set<RecordId> held_ ABSL_GUARDED_BY(mutex_);
  std::string trouble_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  SteadyTime stop_by_ ABSL_GUARDED_BY(mutex_){};

  std::thread thread_;
};

}  // namespace sluice
