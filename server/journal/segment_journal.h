// The journal on disk: a log of segments (docs/journal.md). What it has taken in survives a killed process, and with
// fsync a power loss. In memory stands only where the live records are.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "server/journal/commit_queue.h"
#include "server/journal/file.h"
#include "server/journal/fsync.h"
#include "server/journal/group_sync.h"
#include "server/journal/index.h"
#include "server/journal/journal.h"
#include "server/journal/log_writer.h"
#include "server/journal/reader.h"
#include "server/journal/recovered.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"

namespace sluice {

struct SegmentJournalOptions {
  std::string path;  // A directory of its own; made, if it is not there.
  Fsync fsync = Fsync::kInterval;
  Millis sync_interval{1000};
  // Larger ones are removed later, smaller ones are made more often. 64 KiB … 1 GiB.
  uint64_t segment_bytes = 64u << 20;
  // Bounds of Append(), which refuses with RESOURCE_EXHAUSTED; nothing else is refused. Bytes of live records: on disk
  // stand at most twice as many and four segments. 0: no bound.
  uint64_t max_bytes = 4ull << 30;
  size_t max_messages = 0;
  // Opens a damaged journal with all that can be read of it.
  bool salvage = false;
  // A thread of its own for interval syncs, removal and carrying. Without, calls do the latter two themselves.
  bool background = true;

  JournalFiles* files = &JournalFiles::Posix();
  const Clock* clock = &Clock::Real();
  // A sync has failed, so that nobody knows what stands on the disk: end the process. Called once, from any thread.
  std::function<void(std::string)> on_fatal = [](const std::string&) {};
  // Something went wrong that the caller does not see. From any thread.
  std::function<void(std::string)> on_warning = [](const std::string&) {};
};

// Thread-safe. Calls that write wait for the disk, and so do those that read contents back; what asks for numbers, or
// confirms, never does: no lock that they take is held while a file is written, read or synced.
//
// Who writes: a call takes the next record ids and its place in the commit queue under mutex_, makes its batch without a
// lock, and waits. The first in the queue writes, with those behind it whose batches are complete, in one write, tells the
// index of all of them, and wakes them. What holds the front of the queue has the log to itself.
//
// Locks: maintenance_mutex_ before mutex_; GroupSync's own is held with neither.
class SegmentJournal final : public Journal, public MessageReader {
 public:
  using Options = SegmentJournalOptions;

  // Takes the directory's lock and reads the log. FAILED_PRECONDITION: another process has it, it is no journal, or it
  // is one of another version. DATA_LOSS: it is damaged, and `salvage` is not set.
  static absl::StatusOr<std::unique_ptr<SegmentJournal>> Open(Options options);
  // Syncs, unless fsync is kOff.
  ~SegmentJournal() override;
  SegmentJournal(const SegmentJournal&) = delete;
  SegmentJournal& operator=(const SegmentJournal&) = delete;

  bool waits_for_disk() const override { return true; }
  absl::Status Append(std::span<RoutedMessage> batch) override { return AppendReceived(batch, {}); }
  absl::Status AppendReceived(std::span<RoutedMessage> batch, std::span<const ReceivedPacket> packets) override {
    return AppendIntake(batch, {}, packets);
  }
  absl::Status AppendIntake(std::span<RoutedMessage> batch, std::span<Unroutable> unroutable,
                            std::span<const ReceivedPacket> packets) override;
  absl::Status Release(std::span<const ReceivedPacket> packets) override;
  absl::Status Settle(std::span<const RecordId> records, std::span<OutboxEntry> replies) override;
  // Returns at once: it is written with the next batch, or within 20 ms. Until then a restart publishes it again.
  void Confirm(std::span<const RecordId> outbox_records) override;
  absl::Status DeadLetter(std::span<const DeadLetterNote> notes) override;
  void NoteAttempts(std::span<const AttemptsNote> notes) override;
  // OK, or why the last batch could not be written: it is tried again by whoever had it.
  absl::Status health() const;
  // Calls that wait to be written, with those that are being written.
  size_t waiting() const;
  // No lock: numbers of calls that are under way may be in part of it.
  Depth depth() const override;

  // What Open() found.
  const JournalReport& report() const { return report_; }

  // The index is locked for the length of a batch only.
  std::vector<RecordId> RecordsAfter(RecordId after, size_t most) override;
  std::vector<RecoveredMessage> ReadMessages(RecordId after, ReadLimits limits = {}) override;
  Selection ReadMessages(std::span<const RecordId> records, ReadLimits limits = {}) override;
  // Likewise: replies that stood in the journal when it was opened, and what is a dead letter by now.
  absl::StatusOr<std::vector<RecoveredReply>> ReadReplies(RecordId after, ReadLimits limits = {});
  absl::StatusOr<std::vector<RecoveredDeadLetter>> ReadDeadLetters(RecordId after, ReadLimits limits = {});
  // One message or dead letter by its record; NOT_FOUND: none of that id is alive.
  absl::StatusOr<RecoveredMessage> ReadMessage(RecordId record);
  std::vector<ReceivedPacket> ReadReceived() const;

  // What was written and confirmed before is on the disk.
  absl::Status Sync();
  // Removes segments without live records, and carries old records forward when too little of the disk is alive.
  void Maintain();

 private:
  // Where a live record stands, with its file kept open.
  struct Place {
    RecordId record = 0;
    RecordLocation at;
    uint32_t attempts = 0;
    RecordLocation note;  // Of a dead letter.
    std::shared_ptr<JournalSegment> segment;
    std::shared_ptr<JournalSegment> note_segment;
  };
  enum class Which : uint8_t { kMessages, kReplies, kDeadLetters };
  // A frame that may be alive, found while carrying.
  struct Candidate;

  SegmentJournal(Options options, std::unique_ptr<DirectoryLock> lock);

  // ---- writing (committing.cc)
  // A call that writes beside others: takes `records` new ids, has `encode` make its batch, from the first of them and
  // without a lock, and returns when it is written, and synced where that is waited for.
  absl::Status Join(Commit& commit, size_t records, absl::FunctionRef<void(BatchEncoder&, RecordId first)> encode);
  // A call whose batch depends on what stands in the journal: `encode` makes it, or refuses, under the lock, when everything
  // before it is written, and nothing changes the index before this is. `wait`: for the sync, likewise.
  absl::Status Alone(Commit& commit, bool wait, absl::FunctionRef<absl::Status(BatchEncoder&)> encode);
  // Of the first in the queue: writes `group`, with what is pending. Lets go of the lock meanwhile.
  void WriteGroup(std::span<Commit* const> group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The batch of `commit` stands there, or could not be written.
  void Written(Commit& commit, const absl::StatusOr<RecordLocation>& at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The end of Join() and Alone(), without the lock.
  absl::Status Conclude(const Commit& commit, bool wait);
  // Copies what others may see of the log.
  void LookAtLog() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::unique_ptr<BatchEncoder> TakeEncoder() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutBack(std::unique_ptr<BatchEncoder> encoder) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What was confirmed since the last batch leaves the index, and is in pending_confirms_.
  void TakeConfirmed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Writes what is confirmed, where no other batch has come for it.
  void FlushConfirmed();
  // A bound that it would go over, with what waits before it. Dead letters are bounded as messages are, since nobody who
  // works has asked for them.
  absl::Status Refused(const Commit& commit) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Copies the index's numbers for depth().
  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Syncs all segments that were written to; returns the ticket of the last batch in them.
  absl::StatusOr<uint64_t> SyncSegments();
  // Every later call fails.
  void Distrust(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same, and says so.
  void Fatal(const absl::Status& status);

  // ---- the background (maintenance.cc)
  void RunBackground();
  // When FlushConfirmed() is due, given that it was at `flush_at`; kNever: nothing is confirmed for the time being.
  SteadyTime NextFlush(SteadyTime flush_at);
  bool RemoveDead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mutex_);
  // Of the first in the queue. Lets go of the lock meanwhile.
  absl::Status RemoveOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Maintain(), if there is no thread for it and work to do.
  void MaintainHere();
  // Whether there is work for Maintain().
  bool NeedsMaintenance() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool NeedsCarrying() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool CarryOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mutex_);
  bool Carry(std::span<const Candidate> candidates);
  // What is alive of them, as a batch. Lets go of the lock while it reads; of the first in the queue.
  absl::Status EncodeCarried(std::span<const Candidate> candidates, std::vector<const Candidate*>& carried,
                             BatchEncoder& encoder) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveUp(const std::string& why);
  // The body of a dead letter's note. Lets go of the lock while it reads.
  std::optional<std::string> ReadNote(RecordId record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Alive(const Candidate& candidate) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // ---- reading (journal_reading.cc)
  std::vector<RecoveredMessage> Read(std::span<const Place> places);
  std::vector<Place> Find(Which which, RecordId after, const ReadLimits& limits);
  std::shared_ptr<JournalSegment> SegmentOf(uint32_t sequence) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after Open().
  const Options options_;
  const std::unique_ptr<DirectoryLock> lock_;
  JournalReport report_;
  RecordId recovered_before_ = 1;
  std::thread background_;

  GroupSync group_sync_;
  std::atomic<bool> fatal_told_{false};

  Mutex maintenance_mutex_;  // Held while segments are removed and records carried.

  // What was confirmed and not yet taken into a batch. Of its own, since the writer of a batch is not to be waited for.
  Mutex confirmed_mutex_ ABSL_ACQUIRED_AFTER(mutex_);
  std::vector<RecordId> confirmed_ ABSL_GUARDED_BY(confirmed_mutex_);
  uint64_t confirm_calls_ ABSL_GUARDED_BY(confirmed_mutex_) = 0;
  bool flushing_ ABSL_GUARDED_BY(confirmed_mutex_) = false;       // The background looks after them.
  bool confirms_wait_ ABSL_GUARDED_BY(confirmed_mutex_) = false;  // The last flush failed.
  uint64_t flushed_calls_ = 0;                                    // Of the background's thread: confirm_calls_ then.

  // Of who is first in the queue, and of Open().
  LogWriter log_;

  mutable Mutex mutex_;  // Not held while a file is used.
  CondVar work_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status last_write_ ABSL_GUARDED_BY(mutex_);
  JournalIndex index_ ABSL_GUARDED_BY(mutex_);
  CommitQueue queue_ ABSL_GUARDED_BY(mutex_);
  // Of commits that are ready and bounded, and not written yet.
  size_t queued_messages_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t queued_unroutable_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<BatchEncoder>> encoders_ ABSL_GUARDED_BY(mutex_);  // To be used again.
  RecordId next_record_ ABSL_GUARDED_BY(mutex_) = 1;
  // As LogWriter's, when it last wrote.
  std::deque<std::shared_ptr<JournalSegment>> segments_ ABSL_GUARDED_BY(mutex_);
  uint64_t closed_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  RecordLocation end_ ABSL_GUARDED_BY(mutex_);    // Of what is written.
  uint64_t written_ ABSL_GUARDED_BY(mutex_) = 0;  // Counts batches: the tickets of GroupSync.
  std::vector<RecordId> pending_confirms_ ABSL_GUARDED_BY(mutex_);
  std::optional<RecordLocation> pending_mark_ ABSL_GUARDED_BY(mutex_);  // A sync that the log does not tell of yet.
  RecordLocation synced_to_ ABSL_GUARDED_BY(mutex_);
  RecordLocation last_mark_ ABSL_GUARDED_BY(mutex_);
  // The newest segment when one could not be removed or carried. Tried again with the next.
  uint32_t given_up_at_ ABSL_GUARDED_BY(mutex_) = 0;

  // Copies for depth().
  std::atomic<size_t> messages_{0}, replies_{0}, dead_letters_{0}, packets_{0};
  std::atomic<uint64_t> live_bytes_{0}, disk_bytes_{0};
};

}  // namespace sluice
