// The journal on disk: a log of segments (docs/journal.md). What it has taken in survives a killed process, and with
// fsync a power loss. In memory stands only where the live records are.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
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

// Thread-safe.
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

  // ---- writing (segment_journal.cc)
  // One call that writes: `encode` fills encoder_ or refuses; what it made is written; `apply`, with the place of the
  // batch, tells the index. Then waits for the sync where there is one to wait for.
  template <typename Encode, typename Apply>
  absl::Status Transact(bool reserve, bool wait, Encode encode, Apply apply);
  // Writes encoder_, with what is pending; messages and replies in it get their places in the index.
  absl::StatusOr<RecordLocation> WriteBatch(bool reserve) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What was confirmed since the last batch leaves the index, and is in pending_confirms_.
  void TakeConfirmed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Writes what is confirmed, where no other batch has come for it.
  void FlushConfirmed();
  // A bound that so many more messages, or the batch in encoder_, would go over. `unroutable`: so many of them are dead
  // letters, whose number is bounded as that of messages is, since nobody who works has asked for them.
  absl::Status Refused(size_t messages, size_t unroutable) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Copies the index's numbers for depth().
  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Syncs all segments that were written to; returns the ticket of the last batch in them.
  absl::StatusOr<uint64_t> SyncSegments();
  void Fatal(const absl::Status& status);

  // ---- the background (maintenance.cc)
  void RunBackground();
  // When FlushConfirmed() is due, given that it was at `flush_at`; kNever: nothing is confirmed for the time being.
  SteadyTime NextFlush(SteadyTime flush_at);
  bool RemoveDead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mutex_);
  // Whether there is work for Maintain().
  bool NeedsMaintenance() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool NeedsCarrying() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool CarryOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mutex_);
  bool Carry(std::span<const Candidate> candidates);
  void GiveUp(const std::string& why);
  // The body of a dead letter's note.
  std::optional<std::string> ReadNote(RecordId record) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
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

  mutable Mutex mutex_;
  CondVar work_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status last_write_ ABSL_GUARDED_BY(mutex_);
  JournalIndex index_ ABSL_GUARDED_BY(mutex_);
  LogWriter log_ ABSL_GUARDED_BY(mutex_);
  BatchEncoder encoder_ ABSL_GUARDED_BY(mutex_);
  RecordId next_record_ ABSL_GUARDED_BY(mutex_) = 1;
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
