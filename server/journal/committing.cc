// How the calls of a SegmentJournal write: one after the other, or many in one write.
#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "server/journal/segment_journal.h"

namespace sluice {
namespace {

// What is written at once, of several batches: more would make the first of them wait.
constexpr size_t kMostGroupedBytes = 1u << 20;
// Encoders that are kept for the next calls. Each has the buffer of the largest batch that it made lately.
constexpr size_t kKeptEncoders = 16;

}  // namespace

std::unique_ptr<BatchEncoder> SegmentJournal::TakeEncoder() {
  if (encoders_.empty()) return std::make_unique<BatchEncoder>();
  std::unique_ptr<BatchEncoder> encoder = std::move(encoders_.back());
  encoders_.pop_back();
  return encoder;
}

void SegmentJournal::PutBack(std::unique_ptr<BatchEncoder> encoder) {
  if (encoders_.size() < kKeptEncoders) encoders_.push_back(std::move(encoder));
}

absl::Status SegmentJournal::Refused(const Commit& commit) const {
  const size_t dead_letters = index_.dead_letters() + queued_unroutable_;
  if (options_.max_messages != 0 && commit.unroutable != 0 &&
      dead_letters + commit.unroutable > options_.max_messages) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the journal is full: ", dead_letters, " dead letters, at most ", options_.max_messages));
  }
  const size_t messages = index_.messages() + queued_messages_;
  if (options_.max_messages != 0 && messages + commit.messages > options_.max_messages) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the journal is full: ", messages, " messages, at most ", options_.max_messages));
  }
  const uint64_t bytes = index_.live_bytes() + queued_bytes_;
  if (options_.max_bytes != 0 && bytes + commit.encoder->size() > options_.max_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the journal is full: ", bytes, " bytes, at most ", options_.max_bytes));
  }
  return absl::OkStatus();
}

absl::Status SegmentJournal::Join(Commit& commit, size_t records,
                                  absl::FunctionRef<void(BatchEncoder&, RecordId first)> encode) {
  std::unique_ptr<BatchEncoder> encoder;
  RecordId first = 0;
  {
    MutexLock lock(mutex_);
    if (!failure_.ok()) return failure_;
    encoder = TakeEncoder();
    commit.encoder = encoder.get();
    first = next_record_;
    next_record_ += records;
    queue_.Enter(commit);
  }
  encoder->Clear();
  encode(*encoder, first);
  {
    MutexLock lock(mutex_);
    commit.bounded = !commit.reserve;
    if (commit.bounded) commit.status = Refused(commit);
    if (!commit.status.ok() || encoder->empty()) {
      if (!commit.status.ok()) last_write_ = commit.status;
      queue_.Leave(commit);
      PutBack(std::move(encoder));
      return commit.status;
    }
    if (commit.bounded) {
      queued_messages_ += commit.messages;
      queued_unroutable_ += commit.unroutable;
      commit.bytes = encoder->size();
      queued_bytes_ += commit.bytes;
    }
    if (queue_.AwaitTurn(commit, mutex_)) {
      const CommitQueue::Commits group = queue_.Group(kMostGroupedBytes);
      TakeConfirmed();
      WriteGroup(group);
      queue_.Done(group.size());
    }
    PutBack(std::move(encoder));
  }
  return Conclude(commit, /*wait=*/true);
}

absl::Status SegmentJournal::Alone(Commit& commit, bool wait, absl::FunctionRef<absl::Status(BatchEncoder&)> encode) {
  commit.alone = true;
  {
    MutexLock lock(mutex_);
    if (!failure_.ok()) return failure_;
    std::unique_ptr<BatchEncoder> encoder = TakeEncoder();
    encoder->Clear();
    commit.encoder = encoder.get();
    queue_.Enter(commit);
    queue_.AwaitTurn(commit, mutex_);
    // First, so that nothing is made of what is confirmed.
    TakeConfirmed();
    commit.status = encode(*encoder);
    Commit* const only = &commit;
    if (commit.status.ok()) WriteGroup({&only, 1});
    queue_.Done(1);
    PutBack(std::move(encoder));
  }
  return Conclude(commit, wait);
}

absl::Status SegmentJournal::Conclude(const Commit& commit, bool wait) {
  if (commit.fatal) Fatal(commit.status);
  if (!commit.status.ok()) return commit.status;
  if (wait && options_.fsync == Fsync::kAlways && commit.ticket != 0) return group_sync_.Wait(commit.ticket);
  return absl::OkStatus();
}

void SegmentJournal::WriteGroup(std::span<Commit* const> group) {
  if (!failure_.ok()) {
    for (Commit* commit : group) Written(*commit, failure_);
    return;
  }
  BatchEncoder& first = *group.front()->encoder;
  if (!pending_confirms_.empty()) first.AddIds(RecordKind::kConfirm, pending_confirms_);
  if (first.empty()) return;  // One that is alone, and has found nothing to say.
  const std::optional<RecordLocation> mark = pending_mark_;
  if (mark) first.AddSynced(mark->segment, mark->offset);
  const RecordId next_record = next_record_;
  absl::InlinedVector<absl::StatusOr<RecordLocation>, 8> places;

  mutex_.Unlock();
  absl::InlinedVector<BatchEncoder*, 8> batches;
  for (const Commit* commit : group) batches.push_back(commit->encoder);
  const bool reserve = std::ranges::all_of(group, &Commit::reserve);
  const absl::StatusOr<RecordLocation> at = log_.Write(batches, reserve, next_record);
  uint32_t offset = at.ok() ? at->offset : 0;
  absl::Status failed = at.status();
  for (Commit* commit : group) {
    if (at.ok()) {
      const auto size = static_cast<uint32_t>(commit->encoder->size());
      places.push_back(RecordLocation{at->segment, offset, size});
      offset += size;
    } else if (group.size() == 1 || log_.sync_failed()) {
      places.emplace_back(failed);
    } else {
      // Each by itself: what ends messages finds room where others do not.
      places.push_back(log_.Write({&commit->encoder, 1}, commit->reserve, next_record));
      if (!places.back().ok()) failed = places.back().status();
    }
  }
  mutex_.Lock();

  LookAtLog();
  // It may have been synced up to here: from now on it is not.
  log_.head().unsynced = true;
  if (log_.sync_failed()) Distrust(failed);
  if (places.front().ok()) {
    pending_confirms_.clear();
    if (mark) last_mark_ = *mark;
    if (mark && pending_mark_ == mark) pending_mark_.reset();
  }
  for (size_t i = 0; i < group.size(); ++i) {
    group[i]->fatal = log_.sync_failed();
    Written(*group[i], places[i]);
  }
  Publish();
  if (NeedsMaintenance()) work_.NotifyAll();
}

void SegmentJournal::Written(Commit& commit, const absl::StatusOr<RecordLocation>& at) {
  if (commit.bounded) {
    queued_messages_ -= commit.messages;
    queued_unroutable_ -= commit.unroutable;
    queued_bytes_ -= commit.bytes;
  }
  commit.status = at.status();
  // What ends messages is written on a full disk too, so that it says nothing of others.
  if (!commit.quiet && (!at.ok() || !commit.reserve || !absl::IsResourceExhausted(last_write_))) {
    last_write_ = at.status();
  }
  if (!at.ok()) return;
  commit.ticket = ++written_;
  for (const BatchEncoder::Frame& frame : commit.encoder->frames()) {
    if (frame.kind == RecordKind::kMessage) index_.AddMessage(frame.record, PlaceOf(frame, *at));
    if (frame.kind == RecordKind::kReply) index_.AddReply(frame.record, PlaceOf(frame, *at));
  }
  commit.apply(*commit.encoder, *at);
}

void SegmentJournal::LookAtLog() {
  const std::deque<std::shared_ptr<JournalSegment>>& log = log_.segments();
  if (segments_.size() != log.size() || segments_.front() != log.front() || segments_.back() != log.back()) {
    segments_ = log;
  }
  closed_bytes_ = log_.closed_bytes();
  end_ = {log_.head().sequence(), static_cast<uint32_t>(log_.head().end), 0};
  disk_bytes_.store(log_.disk_bytes(), std::memory_order_relaxed);
}

}  // namespace sluice
