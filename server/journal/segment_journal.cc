#include "server/journal/segment_journal.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/journal/load.h"

namespace sluice {
namespace {

// How far the log grows before it says again up to where it was synced.
constexpr uint64_t kMarkEvery = 64u << 10;

absl::Status CheckOptions(const SegmentJournalOptions& options) {
  if (options.segment_bytes < (64u << 10) || options.segment_bytes > kMaxSegmentBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("segment_bytes is ", options.segment_bytes, ": it can be 64 KiB to 1 GiB"));
  }
  return absl::OkStatus();
}

absl::Status DamagedError(const std::string& path, const JournalReport& report) {
  std::string text = absl::StrCat("the journal ", path, " is damaged in ", report.damage.size(), " places");
  size_t shown = 0;
  for (const JournalDamage& damage : report.damage) {
    if (++shown > 5) break;
    absl::StrAppend(&text, "; ", damage.ToString());
  }
  absl::StrAppend(&text, "; what is left can be read (", report.messages, " messages, ", report.replies,
                  " replies): open it with salvage to go on with that, after a look at the disk");
  return absl::DataLossError(text);
}

// Where a frame of the batch at `at` stands.
RecordLocation Within(RecordLocation at, const BatchEncoder::Frame& frame) {
  return {at.segment, at.offset + frame.offset, frame.size};
}

}  // namespace

SegmentJournal::SegmentJournal(Options options, std::unique_ptr<DirectoryLock> lock)
    : options_(std::move(options)),
      lock_(std::move(lock)),
      group_sync_([this] { return SyncSegments(); }),
      log_(*options_.files,
           {.path = options_.path, .segment_bytes = options_.segment_bytes, .synced = options_.fsync != Fsync::kOff}) {}

absl::StatusOr<std::unique_ptr<SegmentJournal>> SegmentJournal::Open(Options options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  JournalFiles& files = *options.files;
  if (absl::Status status = files.CreateDirectories(options.path); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<DirectoryLock>> lock = files.Lock(absl::StrCat(options.path, "/", kLockName));
  if (!lock.ok()) return lock.status();
  absl::StatusOr<LoadedJournal> loaded = LoadJournal(files, options.path, JournalFiles::Mode::kWrite);
  if (!loaded.ok()) return loaded.status();
  if (loaded->report.Damaged() && !options.salvage) return DamagedError(options.path, loaded->report);
  if (absl::Status status = RepairDamage(files, options.path, *loaded); !status.ok()) return status;
  for (const std::string& path : loaded->obsolete) {
    if (absl::Status status = files.Unlink(path); !status.ok()) return status;
  }

  std::unique_ptr<SegmentJournal> journal(new SegmentJournal(std::move(options), *std::move(lock)));
  {
    MutexLock guard(journal->mutex_);
    journal->report_ = std::move(loaded->report);
    journal->index_ = std::move(loaded->index);
    journal->next_record_ = loaded->next_record;
    journal->recovered_before_ = loaded->next_record;
    absl::Status status = journal->log_.Begin(std::move(loaded->segments), loaded->next_record);
    if (!status.ok()) return status;
    journal->Publish();
  }
  if (journal->options_.background)
    journal->background_ = std::thread([self = journal.get()] { self->RunBackground(); });
  return journal;
}

SegmentJournal::~SegmentJournal() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_.NotifyAll();
  }
  if (background_.joinable()) background_.join();
  FlushConfirmed();
  if (options_.fsync == Fsync::kOff || !Sync().ok()) return;
  // That all of it is on the disk tells damage from what a power loss leaves.
  MutexLock lock(mutex_);
  encoder_.Clear();
  pending_mark_ = synced_to_;
  // Not worth an error: without it only less is known.
  if (!WriteBatch(true).ok()) pending_mark_.reset();
}

absl::Status SegmentJournal::Refused(size_t messages, size_t unroutable) const {
  if (options_.max_messages != 0 && unroutable != 0 && index_.dead_letters() + unroutable > options_.max_messages) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the journal is full: ", index_.dead_letters(), " dead letters, at most ", options_.max_messages));
  }
  if (options_.max_messages != 0 && index_.messages() + messages > options_.max_messages) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the journal is full: ", index_.messages(), " messages, at most ", options_.max_messages));
  }
  if (options_.max_bytes != 0 && index_.live_bytes() + encoder_.size() > options_.max_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the journal is full: ", index_.live_bytes(), " bytes, at most ", options_.max_bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<RecordLocation> SegmentJournal::WriteBatch(bool reserve) {
  if (pending_mark_) encoder_.AddSynced(pending_mark_->segment, pending_mark_->offset);
  absl::StatusOr<RecordLocation> at = log_.Write(encoder_, reserve, next_record_);
  if (!at.ok()) return at;
  ++written_;
  pending_confirms_.clear();
  if (pending_mark_) {
    last_mark_ = *pending_mark_;
    pending_mark_.reset();
  }
  for (const BatchEncoder::Frame& frame : encoder_.frames()) {
    if (frame.kind == RecordKind::kMessage) index_.AddMessage(frame.record, Within(*at, frame));
    if (frame.kind == RecordKind::kReply) index_.AddReply(frame.record, Within(*at, frame));
  }
  return at;
}

void SegmentJournal::Publish() {
  messages_.store(index_.messages(), std::memory_order_relaxed);
  replies_.store(index_.replies(), std::memory_order_relaxed);
  dead_letters_.store(index_.dead_letters(), std::memory_order_relaxed);
  packets_.store(index_.packets(), std::memory_order_relaxed);
  live_bytes_.store(index_.live_bytes(), std::memory_order_relaxed);
  disk_bytes_.store(log_.disk_bytes(), std::memory_order_relaxed);
}

template <typename Encode, typename Apply>
absl::Status SegmentJournal::Transact(bool reserve, bool wait, Encode encode, Apply apply) {
  uint64_t ticket = 0;
  bool maintain = false;
  bool fatal = false;
  absl::Status status;
  {
    MutexLock lock(mutex_);
    if (!failure_.ok()) return failure_;
    encoder_.Clear();
    status = encode();
    TakeConfirmed();
    if (!pending_confirms_.empty()) encoder_.AddIds(RecordKind::kConfirm, pending_confirms_);
    if (status.ok() && encoder_.empty()) return status;
    absl::StatusOr<RecordLocation> at = status.ok() ? WriteBatch(reserve) : status;
    // What ends messages is written on a full disk too, so that it says nothing of others.
    if (!at.ok() || !reserve || !absl::IsResourceExhausted(last_write_)) last_write_ = at.status();
    if (at.ok()) {
      apply(*at);
      Publish();
      ticket = written_;
      maintain = NeedsMaintenance();
      if (maintain) work_.NotifyAll();
    } else {
      status = at.status();
      fatal = log_.sync_failed();
    }
  }
  if (fatal) Fatal(status);
  if (!status.ok()) return status;
  if (wait && options_.fsync == Fsync::kAlways) status = group_sync_.Wait(ticket);
  if (maintain && !options_.background) Maintain();
  return status;
}

absl::Status SegmentJournal::AppendIntake(std::span<RoutedMessage> batch, std::span<Unroutable> unroutable,
                                          std::span<const ReceivedPacket> packets) {
  RecordId first = 0;
  return Transact(
      false, true,
      [&] {
        mutex_.AssertHeld();
        first = next_record_;
        for (const RoutedMessage& routed : batch) {
          if (routed.message->qos != Qos::kAtMostOnce) encoder_.AddMessage(next_record_++, routed);
        }
        RecordId dead = next_record_;
        for (const Unroutable& each : unroutable) encoder_.AddMessage(next_record_++, each.message);
        for (const Unroutable& each : unroutable) {
          encoder_.AddDead({.record = dead++, .reason = each.reason, .worker = {}, .unix_ms = each.unix_ms});
        }
        for (const ReceivedPacket& packet : packets) encoder_.AddPacket(RecordKind::kReceived, packet);
        return Refused(next_record_ - first - unroutable.size(), unroutable.size());
      },
      [&](RecordLocation at) {
        mutex_.AssertHeld();
        for (RoutedMessage& routed : batch) {
          if (routed.message->qos == Qos::kAtMostOnce) continue;
          routed.record = first++;
          if (routed.attempts > 0) index_.SetAttempts(routed.record, routed.attempts);
        }
        for (Unroutable& each : unroutable) each.message.record = first++;
        if (packets.empty() && unroutable.empty()) return;
        size_t next = 0;
        for (const BatchEncoder::Frame& frame : encoder_.frames()) {
          if (frame.kind == RecordKind::kDead) index_.SetDead(frame.record, 0, Within(at, frame));
          if (frame.kind == RecordKind::kReceived) index_.AddPacket(packets[next++], Within(at, frame));
        }
      });
}

absl::Status SegmentJournal::Release(std::span<const ReceivedPacket> packets) {
  return Transact(
      true, true,
      [&] {
        mutex_.AssertHeld();
        for (const ReceivedPacket& packet : packets) {
          if (index_.FindPacket(packet) != nullptr) encoder_.AddPacket(RecordKind::kReleased, packet);
        }
        return absl::OkStatus();
      },
      [&](RecordLocation) {
        mutex_.AssertHeld();
        for (const ReceivedPacket& packet : packets) index_.Release(packet);
      });
}

absl::Status SegmentJournal::Settle(std::span<const RecordId> records, std::span<OutboxEntry> replies) {
  RecordId first = 0;
  return Transact(
      true, true,
      [&] {
        mutex_.AssertHeld();
        first = next_record_;
        for (const OutboxEntry& reply : replies) encoder_.AddReply(next_record_++, reply);
        encoder_.AddIds(RecordKind::kEnd, records);
        return absl::OkStatus();
      },
      [&](RecordLocation) {
        mutex_.AssertHeld();
        for (OutboxEntry& reply : replies) reply.record = first++;
        for (RecordId record : records) index_.End(record);
      });
}

void SegmentJournal::Confirm(std::span<const RecordId> outbox_records) {
  if (outbox_records.empty()) return;
  bool wake = false;
  {
    MutexLock lock(confirmed_mutex_);
    confirmed_.insert(confirmed_.end(), outbox_records.begin(), outbox_records.end());
    ++confirm_calls_;
    wake = !std::exchange(flushing_, true);
  }
  if (!options_.background) {
    FlushConfirmed();
  } else if (wake) {
    MutexLock lock(mutex_);
    work_.NotifyAll();
  }
}

void SegmentJournal::TakeConfirmed() {
  const size_t before = pending_confirms_.size();
  {
    MutexLock lock(confirmed_mutex_);
    if (confirmed_.empty()) return;
    pending_confirms_.insert(pending_confirms_.end(), confirmed_.begin(), confirmed_.end());
    confirmed_.clear();
  }
  // Also where it is not written in the end: what is confirmed needs no place any more.
  for (const RecordId record : std::span(pending_confirms_).subspan(before)) index_.Confirm(record);
  Publish();
}

void SegmentJournal::FlushConfirmed() {
  const absl::Status status = Transact(true, false, [] { return absl::OkStatus(); }, [](RecordLocation) {});
  bool waited = false;
  {
    MutexLock lock(confirmed_mutex_);
    waited = std::exchange(confirms_wait_, !status.ok());
  }
  if (status.ok() || waited) return;
  options_.on_warning(absl::StrCat("confirmations wait for the journal: ", status.ToString()));
}

absl::Status SegmentJournal::DeadLetter(std::span<const DeadLetterNote> notes) {
  return Transact(
      true, true,
      [&] {
        mutex_.AssertHeld();
        for (const DeadLetterNote& note : notes) {
          const JournalIndex::Entry* entry = index_.Find(note.record);
          if (entry != nullptr && !entry->reply) encoder_.AddDead(note);
        }
        return absl::OkStatus();
      },
      [&](RecordLocation at) {
        mutex_.AssertHeld();
        const DeadLetterNote* note = notes.data();
        for (const BatchEncoder::Frame& frame : encoder_.frames()) {
          if (frame.kind != RecordKind::kDead) continue;
          while (note->record != frame.record) ++note;
          index_.SetDead(note->record, note->attempts, Within(at, frame));
          ++note;
        }
      });
}

void SegmentJournal::NoteAttempts(std::span<const AttemptsNote> notes) {
  const absl::Status status = Transact(
      true, false,
      [&] {
        mutex_.AssertHeld();
        for (const AttemptsNote& note : notes) {
          const JournalIndex::Entry* entry = index_.Find(note.record);
          // For a dead letter it would mean that it is to live again.
          if (entry != nullptr && !entry->reply && !entry->dead) encoder_.AddAttempts(note.record, note.attempts);
        }
        return absl::OkStatus();
      },
      [&](RecordLocation) {
        mutex_.AssertHeld();
        for (const AttemptsNote& note : notes) {
          const JournalIndex::Entry* entry = index_.Find(note.record);
          if (entry != nullptr && !entry->dead) index_.SetAttempts(note.record, note.attempts);
        }
      });
  if (!status.ok()) options_.on_warning(absl::StrCat("attempts were not journaled: ", status.ToString()));
}

absl::Status SegmentJournal::health() const {
  MutexLock lock(mutex_);
  return failure_.ok() ? last_write_ : failure_;
}

Journal::Depth SegmentJournal::depth() const {
  return {.ingress_messages = messages_.load(std::memory_order_relaxed),
          .outbox_messages = replies_.load(std::memory_order_relaxed),
          .dead_letters = dead_letters_.load(std::memory_order_relaxed),
          .received_packets = packets_.load(std::memory_order_relaxed),
          .live_bytes = live_bytes_.load(std::memory_order_relaxed),
          .disk_bytes = disk_bytes_.load(std::memory_order_relaxed)};
}

absl::Status SegmentJournal::Sync() {
  FlushConfirmed();
  uint64_t ticket = 0;
  {
    MutexLock lock(mutex_);
    if (!failure_.ok()) return failure_;
    ticket = written_;
  }
  return group_sync_.Wait(ticket);
}

absl::StatusOr<uint64_t> SegmentJournal::SyncSegments() {
  std::vector<std::shared_ptr<JournalSegment>> dirty;
  uint64_t ticket = 0;
  RecordLocation end;
  {
    MutexLock lock(mutex_);
    ticket = written_;
    for (const auto& segment : log_.segments()) {
      if (!segment->unsynced) continue;
      segment->unsynced = false;
      dirty.push_back(segment);
    }
    end = {log_.head().sequence(), static_cast<uint32_t>(log_.head().end), 0};
  }
  for (const auto& segment : dirty) {
    if (absl::Status status = segment->file->Sync(); !status.ok()) {
      Fatal(status);
      return status;
    }
  }
  MutexLock lock(mutex_);
  synced_to_ = end;
  // Where each batch is synced, a mark for each would be as long as a settlement.
  if (options_.fsync == Fsync::kInterval || end.segment != last_mark_.segment ||
      end.offset - last_mark_.offset >= kMarkEvery) {
    pending_mark_ = end;
  }
  return ticket;
}

void SegmentJournal::Fatal(const absl::Status& status) {
  const std::string text =
      absl::StrCat("the journal cannot be trusted any more, since a sync has failed: ", status.message());
  {
    MutexLock lock(mutex_);
    if (failure_.ok()) failure_ = absl::Status(status.code(), text);
  }
  if (!fatal_told_.exchange(true)) options_.on_fatal(text);
}

}  // namespace sluice
