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
    journal->LookAtLog();
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
  const auto apply = [](const BatchEncoder&, RecordLocation) {};
  Commit commit{.apply = apply, .reserve = true};
  // Not worth an error: without it only less is known.
  (void)Alone(commit, /*wait=*/false, [this](BatchEncoder& encoder) {
    mutex_.AssertHeld();
    pending_mark_.reset();
    encoder.AddSynced(synced_to_.segment, synced_to_.offset);
    return absl::OkStatus();
  });
}

void SegmentJournal::Publish() {
  messages_.store(index_.messages(), std::memory_order_relaxed);
  replies_.store(index_.replies(), std::memory_order_relaxed);
  dead_letters_.store(index_.dead_letters(), std::memory_order_relaxed);
  packets_.store(index_.packets(), std::memory_order_relaxed);
  live_bytes_.store(index_.live_bytes(), std::memory_order_relaxed);
}

absl::Status SegmentJournal::AppendIntake(std::span<RoutedMessage> batch, std::span<Unroutable> unroutable,
                                          std::span<const ReceivedPacket> packets) {
  const auto messages = static_cast<size_t>(std::ranges::count_if(
      batch, [](const RoutedMessage& routed) { return routed.message->qos != Qos::kAtMostOnce; }));
  // QoS 0 stands in no journal, so it needs none.
  if (messages == 0 && unroutable.empty() && packets.empty()) return absl::OkStatus();
  RecordId first = 0;
  const auto apply = [&](const BatchEncoder& encoder, RecordLocation at) {
    mutex_.AssertHeld();
    RecordId next_record = first;
    for (RoutedMessage& routed : batch) {
      if (routed.message->qos == Qos::kAtMostOnce) continue;
      routed.record = next_record++;
      if (routed.attempts > 0) index_.SetAttempts(routed.record, routed.attempts);
    }
    for (Unroutable& each : unroutable) each.message.record = next_record++;
    if (packets.empty() && unroutable.empty()) return;
    size_t next = 0;
    for (const BatchEncoder::Frame& frame : encoder.frames()) {
      if (frame.kind == RecordKind::kDead) index_.SetDead(frame.record, 0, PlaceOf(frame, at));
      if (frame.kind == RecordKind::kReceived) index_.AddPacket(packets[next++], PlaceOf(frame, at));
    }
  };
  Commit commit{.apply = apply, .messages = messages, .unroutable = unroutable.size()};
  absl::Status status = Join(commit, messages + unroutable.size(), [&](BatchEncoder& encoder, RecordId record) {
    first = record;
    for (const RoutedMessage& routed : batch) {
      if (routed.message->qos != Qos::kAtMostOnce) encoder.AddMessage(record++, routed);
    }
    RecordId dead = record;
    for (const Unroutable& each : unroutable) encoder.AddMessage(record++, each.message);
    for (const Unroutable& each : unroutable) {
      encoder.AddDead({.record = dead++, .reason = each.reason, .worker = {}, .unix_ms = each.unix_ms});
    }
    for (const ReceivedPacket& packet : packets) encoder.AddPacket(RecordKind::kReceived, packet);
  });
  MaintainHere();
  return status;
}

absl::Status SegmentJournal::Release(std::span<const ReceivedPacket> packets) {
  const auto apply = [&](const BatchEncoder&, RecordLocation) {
    mutex_.AssertHeld();
    for (const ReceivedPacket& packet : packets) index_.Release(packet);
  };
  Commit commit{.apply = apply, .reserve = true};
  absl::Status status = Alone(commit, /*wait=*/true, [&](BatchEncoder& encoder) {
    mutex_.AssertHeld();
    for (const ReceivedPacket& packet : packets) {
      if (index_.FindPacket(packet) != nullptr) encoder.AddPacket(RecordKind::kReleased, packet);
    }
    return absl::OkStatus();
  });
  MaintainHere();
  return status;
}

absl::Status SegmentJournal::Settle(std::span<const RecordId> records, std::span<OutboxEntry> replies) {
  RecordId first = 0;
  const auto apply = [&](const BatchEncoder&, RecordLocation) {
    mutex_.AssertHeld();
    RecordId next_record = first;
    for (OutboxEntry& reply : replies) reply.record = next_record++;
    for (RecordId record : records) index_.End(record);
  };
  Commit commit{.apply = apply, .reserve = true};
  absl::Status status = Join(commit, replies.size(), [&](BatchEncoder& encoder, RecordId record) {
    first = record;
    for (const OutboxEntry& reply : replies) encoder.AddReply(record++, reply);
    encoder.AddIds(RecordKind::kEnd, records);
  });
  MaintainHere();
  return status;
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
    MaintainHere();
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
  const auto apply = [](const BatchEncoder&, RecordLocation) {};
  Commit commit{.apply = apply, .reserve = true};
  const absl::Status status = Alone(commit, /*wait=*/false, [](BatchEncoder&) { return absl::OkStatus(); });
  bool waited = false;
  {
    MutexLock lock(confirmed_mutex_);
    waited = std::exchange(confirms_wait_, !status.ok());
  }
  if (status.ok() || waited) return;
  options_.on_warning(absl::StrCat("confirmations wait for the journal: ", status.ToString()));
}

absl::Status SegmentJournal::DeadLetter(std::span<const DeadLetterNote> notes) {
  const auto apply = [&](const BatchEncoder& encoder, RecordLocation at) {
    mutex_.AssertHeld();
    const DeadLetterNote* note = notes.data();
    for (const BatchEncoder::Frame& frame : encoder.frames()) {
      if (frame.kind != RecordKind::kDead) continue;
      while (note->record != frame.record) ++note;
      index_.SetDead(note->record, note->attempts, PlaceOf(frame, at));
      ++note;
    }
  };
  Commit commit{.apply = apply, .reserve = true};
  absl::Status status = Alone(commit, /*wait=*/true, [&](BatchEncoder& encoder) {
    mutex_.AssertHeld();
    for (const DeadLetterNote& note : notes) {
      const JournalIndex::Entry* entry = index_.Find(note.record);
      if (entry != nullptr && !entry->reply) encoder.AddDead(note);
    }
    return absl::OkStatus();
  });
  MaintainHere();
  return status;
}

void SegmentJournal::NoteAttempts(std::span<const AttemptsNote> notes) {
  const auto apply = [&](const BatchEncoder&, RecordLocation) {
    mutex_.AssertHeld();
    for (const AttemptsNote& note : notes) {
      const JournalIndex::Entry* entry = index_.Find(note.record);
      if (entry != nullptr && !entry->dead) index_.SetAttempts(note.record, note.attempts);
    }
  };
  Commit commit{.apply = apply, .reserve = true};
  const absl::Status status = Alone(commit, /*wait=*/false, [&](BatchEncoder& encoder) {
    mutex_.AssertHeld();
    for (const AttemptsNote& note : notes) {
      const JournalIndex::Entry* entry = index_.Find(note.record);
      // For a dead letter it would mean that it is to live again.
      if (entry != nullptr && !entry->reply && !entry->dead) encoder.AddAttempts(note.record, note.attempts);
    }
    return absl::OkStatus();
  });
  MaintainHere();
  if (!status.ok()) options_.on_warning(absl::StrCat("attempts were not journaled: ", status.ToString()));
}

absl::Status SegmentJournal::health() const {
  MutexLock lock(mutex_);
  return failure_.ok() ? last_write_ : failure_;
}

size_t SegmentJournal::waiting() const {
  MutexLock lock(mutex_);
  return queue_.ready();
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
    for (const auto& segment : segments_) {
      if (!segment->unsynced) continue;
      segment->unsynced = false;
      dirty.push_back(segment);
    }
    end = end_;
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

void SegmentJournal::Distrust(const absl::Status& status) {
  if (!failure_.ok()) return;
  failure_ =
      absl::Status(status.code(),
                   absl::StrCat("the journal cannot be trusted any more, since a sync has failed: ", status.message()));
}

void SegmentJournal::Fatal(const absl::Status& status) {
  std::string text;
  {
    MutexLock lock(mutex_);
    Distrust(status);
    text = std::string(failure_.message());
  }
  if (!fatal_told_.exchange(true)) options_.on_fatal(text);
}

}  // namespace sluice
