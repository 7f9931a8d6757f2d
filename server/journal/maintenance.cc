// What a SegmentJournal does in the background: syncs at intervals, removes dead segments, carries old records forward.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/journal/scanner.h"
#include "server/journal/segment_journal.h"

namespace sluice {

struct SegmentJournal::Candidate {
  RecordKind kind = RecordKind::kMessage;
  RecordId record = 0;
  RecordLocation at;
  ReceivedPacket packet;
  std::string body;
};

namespace {

// What is carried under one lock.
constexpr size_t kCarryBytes = 256u << 10;
constexpr size_t kCarryRecords = 512;
// How long a confirmation waits for a batch that takes it along.
constexpr Millis kFlushInterval{20};

}  // namespace

void SegmentJournal::RunBackground() {
  const bool interval = options_.fsync == Fsync::kInterval;
  SteadyTime sync_at = options_.clock->Now() + options_.sync_interval;
  SteadyTime flush_at = kNever;
  uint64_t synced = 0;
  while (true) {
    bool sync = false;
    bool flush = false;
    uint64_t written = 0;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && !NeedsMaintenance()) {
        const SteadyTime now = options_.clock->Now();
        flush = now >= flush_at;
        flush_at = NextFlush(flush_at);
        if (interval && now >= sync_at) {
          sync = written_ != synced;
          sync_at = now + options_.sync_interval;
        }
        if (sync || flush) break;
        const SteadyTime next = std::min(flush_at, interval ? sync_at : kNever);
        next == kNever ? work_.Wait(mutex_) : work_.WaitUntil(mutex_, next);
      }
      if (stopping_ || !failure_.ok()) return;
      written = written_;
    }
    if (flush) FlushConfirmed();
    if (sync) {
      if (!group_sync_.Wait(written).ok()) return;
      synced = written;
    }
    Maintain();
  }
}

SteadyTime SegmentJournal::NextFlush(SteadyTime flush_at) {
  const SteadyTime now = options_.clock->Now();
  if (flush_at != kNever && now < flush_at) return flush_at;
  MutexLock lock(confirmed_mutex_);
  // While confirmations come, the thread wakes by itself: nobody has to wake it.
  if (flush_at != kNever) flushing_ = confirm_calls_ != std::exchange(flushed_calls_, confirm_calls_);
  return flushing_ ? now + kFlushInterval : kNever;
}

bool SegmentJournal::NeedsMaintenance() const {
  // Once something has failed, not before the log has grown by a segment: nothing would be different.
  return segments_.size() > 1 && failure_.ok() && given_up_at_ < segments_.back()->sequence() &&
         (!index_.InUse(segments_.front()->sequence()) || NeedsCarrying());
}

bool SegmentJournal::NeedsCarrying() const {
  // At most as much is dead as alive, and a segment: so a byte that is written costs at most one that is carried.
  if (segments_.size() < 3 || given_up_at_ >= segments_.back()->sequence()) return false;
  const uint64_t alive = index_.live_bytes();
  return closed_bytes_ > alive + std::max(alive, options_.segment_bytes);
}

void SegmentJournal::MaintainHere() {
  if (options_.background) return;
  bool needed = false;
  {
    MutexLock lock(mutex_);
    needed = NeedsMaintenance();
  }
  if (needed) Maintain();
}

void SegmentJournal::Maintain() {
  MutexLock lock(maintenance_mutex_);
  bool again = true;
  while (again) again = RemoveDead() && CarryOldest();
}

bool SegmentJournal::RemoveDead() {
  const auto dead = [this] {
    mutex_.AssertHeld();
    return segments_.size() > 1 && !index_.InUse(segments_.front()->sequence());
  };
  {
    MutexLock lock(mutex_);
    if (!dead()) return failure_.ok();
  }
  // What ended and carried its records must stand on the disk before they go.
  const bool synced = options_.fsync != Fsync::kOff;
  if (synced && !Sync().ok()) return false;
  absl::Status status;
  const auto apply = [](const BatchEncoder&, RecordLocation) {};
  Commit turn{.apply = apply, .quiet = true};
  // Only what was dead before the sync: what died since needs another one. The oldest segments die first, as a rule.
  const absl::Status removed = Alone(turn, /*wait=*/false, [&](BatchEncoder&) {
    mutex_.AssertHeld();
    if (dead()) status = RemoveOldest();
    index_.ForgetSegmentsBefore(segments_.front()->sequence());
    Publish();
    return absl::OkStatus();
  });
  if (!removed.ok()) return false;
  if (status.ok() && synced) status = options_.files->SyncDirectory(options_.path);
  if (!status.ok()) {
    GiveUp(absl::StrCat("a segment that is not needed any more stays: ", status.message()));
    return false;
  }
  return RemoveDead();
}

absl::Status SegmentJournal::RemoveOldest() {
  mutex_.Unlock();
  absl::Status status = log_.RemoveOldest();
  mutex_.Lock();
  LookAtLog();
  return status;
}

bool SegmentJournal::Alive(const Candidate& candidate) const {
  if (candidate.kind == RecordKind::kReceived) {
    const RecordLocation* at = index_.FindPacket(candidate.packet);
    return at != nullptr && *at == candidate.at;
  }
  const JournalIndex::Entry* entry = index_.Find(candidate.record);
  return entry != nullptr && entry->at == candidate.at;
}

bool SegmentJournal::CarryOldest() {
  std::shared_ptr<JournalSegment> oldest;
  {
    MutexLock lock(mutex_);
    if (!failure_.ok() || !NeedsCarrying()) return false;
    oldest = segments_.front();
  }
  WindowReader reader(*oldest->file, 1u << 20);
  std::vector<Candidate> candidates;
  size_t bytes = 0;
  uint64_t at = kHeadSize;
  while (at < oldest->end) {
    absl::StatusOr<std::optional<ReadFrameResult>> frame = ReadFrame(reader, oldest->seed, at, oldest->end);
    if (!frame.ok() || !*frame) {
      GiveUp(absl::StrCat(oldest->path, " at ", at, " cannot be read, so that its records stay where they are"));
      return false;
    }
    const FrameHeader& header = (*frame)->header;
    Candidate candidate;
    candidate.kind = static_cast<RecordKind>(header.kind);
    candidate.at = {oldest->sequence(), static_cast<uint32_t>(at), static_cast<uint32_t>(header.frame_size())};
    at += header.frame_size();
    switch (candidate.kind) {
      case RecordKind::kMessage:
      case RecordKind::kReply:
        candidate.record = DecodeRecordId((*frame)->body);
        break;
      case RecordKind::kReceived:
        if (!DecodePacket((*frame)->body, candidate.packet)) continue;
        break;
      default:
        continue;
    }
    {
      MutexLock lock(mutex_);
      if (!Alive(candidate)) continue;
    }
    candidate.body = (*frame)->body;
    bytes += candidate.body.size();
    candidates.push_back(std::move(candidate));
    if (bytes < kCarryBytes && candidates.size() < kCarryRecords) continue;
    if (!Carry(candidates)) return false;
    candidates.clear();
    bytes = 0;
  }
  return Carry(candidates);
}

absl::Status SegmentJournal::EncodeCarried(std::span<const Candidate> candidates,
                                           std::vector<const Candidate*>& carried, BatchEncoder& encoder) {
  for (const Candidate& candidate : candidates) {
    if (!Alive(candidate)) continue;
    carried.push_back(&candidate);
    encoder.AddCopy(candidate.kind, candidate.record, candidate.body);
    if (candidate.kind != RecordKind::kMessage) continue;
    // What was said of it since is said again behind it.
    const JournalIndex::Entry entry = *index_.Find(candidate.record);
    if (entry.dead) {
      const std::optional<std::string> note = ReadNote(candidate.record);
      if (!note) {
        return absl::DataLossError(absl::StrCat("why record ", candidate.record, " is a dead letter cannot be read"));
      }
      encoder.AddCopy(RecordKind::kDead, candidate.record, *note);
    } else if (entry.attempts > 0) {
      encoder.AddAttempts(candidate.record, entry.attempts);
    }
  }
  return absl::OkStatus();
}

bool SegmentJournal::Carry(std::span<const Candidate> candidates) {
  std::vector<const Candidate*> carried;
  const auto apply = [&](const BatchEncoder& encoder, RecordLocation at) {
    mutex_.AssertHeld();
    size_t next = 0;
    for (const BatchEncoder::Frame& frame : encoder.frames()) {
      const RecordLocation place = PlaceOf(frame, at);
      if (frame.kind == RecordKind::kDead) {
        index_.SetDead(frame.record, index_.Find(frame.record)->attempts, place);
      } else if (frame.kind == RecordKind::kReceived) {
        while (carried[next]->kind != RecordKind::kReceived) ++next;
        index_.AddPacket(carried[next++]->packet, place);
      }
    }
  };
  Commit commit{.apply = apply, .quiet = true};
  const absl::Status status = Alone(commit, /*wait=*/false, [&](BatchEncoder& encoder) {
    mutex_.AssertHeld();
    return EncodeCarried(candidates, carried, encoder);
  });
  if (status.ok()) return true;
  GiveUp(absl::StrCat("old records cannot be carried forward: ", status.message()));
  return false;
}

void SegmentJournal::GiveUp(const std::string& why) {
  {
    MutexLock lock(mutex_);
    given_up_at_ = segments_.back()->sequence();
  }
  options_.on_warning(why);
}

std::optional<std::string> SegmentJournal::ReadNote(RecordId record) {
  const RecordLocation at = *index_.FindNote(record);
  const std::shared_ptr<JournalSegment> segment = SegmentOf(at.segment);
  mutex_.Unlock();
  WindowReader reader(*segment->file, at.size);
  const absl::StatusOr<std::optional<ReadFrameResult>> frame =
      ReadFrame(reader, segment->seed, at.offset, uint64_t{at.offset} + at.size);
  std::optional<std::string> note;
  if (frame.ok() && *frame) note.emplace((*frame)->body);
  mutex_.Lock();
  return note;
}

}  // namespace sluice
