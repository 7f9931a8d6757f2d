#include "server/journal/log_writer.h"

#include <algorithm>
#include <random>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

// What is settled writes its replies before it makes room: the reserve is what lets the oldest segment end. From then
// on replies that are smaller than their messages find the room that these leave; larger ones may use it up.
constexpr size_t kSpares = 2;

uint64_t RandomSalt() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

}  // namespace

absl::Status LogWriter::Begin(std::vector<std::shared_ptr<JournalSegment>> segments, RecordId next_record) {
  segments_.assign(segments.begin(), segments.end());
  for (const auto& segment : segments_) {
    absl::StatusOr<uint64_t> size = segment->file->Size();
    if (!size.ok()) return size.status();
    disk_bytes_ += *size;
    closed_bytes_ += segment->end - kHeadSize;
    segment->unsynced = true;  // A killed process may have left it so.
  }
  if (segments_.empty()) {
    if (absl::Status status = OpenSegment(0, next_record); !status.ok()) return status;
    (void)TakeSpares();  // Whoever needs them tries again.
    return absl::OkStatus();
  }
  JournalSegment& last = head();
  closed_bytes_ -= last.end - kHeadSize;
  disk_bytes_ -= *last.file->Size();
  // What a torn write left is gone before anything is written over it. An older minor version's segment stays as it is.
  untrusted_ = last.head.minor != kFormatMinor || last.head.synced != options_.synced;
  if (absl::Status status = last.file->Truncate(last.end); !status.ok()) return status;
  size_ = std::max(last.end, options_.segment_bytes);
  if (!untrusted_) {
    if (absl::Status status = last.file->Allocate(size_); !status.ok()) size_ = last.end;
  } else {
    size_ = last.end;
  }
  disk_bytes_ += size_;
  (void)TakeSpares();
  return absl::OkStatus();
}

LogWriter::~LogWriter() {
  for (const Spare& spare : spares_) (void)files_.Unlink(spare.path);
}

absl::StatusOr<RecordLocation> LogWriter::Write(std::span<BatchEncoder* const> batches, bool reserve,
                                                RecordId next_record) {
  size_t bytes = 0;
  for (const BatchEncoder* batch : batches) bytes += batch->size();
  if (bytes > kMaxBatchBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a batch of ", bytes, " bytes is more than the journal takes"));
  }
  const uint64_t kept = reserve ? 0 : options_.segment_bytes / 16;
  const uint64_t room = std::max(options_.segment_bytes, kHeadSize + bytes + kept);
  if (untrusted_ || (head().end + bytes + kept > options_.segment_bytes && head().end > kHeadSize) ||
      head().end + bytes > kMaxSegmentBytes + kMaxBatchBytes) {
    if (absl::Status status = OpenSegment(room, next_record); !status.ok()) return status;
  }
  if (!reserve) {
    if (absl::Status status = TakeSpares(); !status.ok()) return status;
  }
  JournalSegment& segment = head();
  absl::InlinedVector<std::string_view, 8> parts;
  uint64_t end = segment.end;
  for (BatchEncoder* batch : batches) end += parts.emplace_back(batch->Finish(segment.seed, end)).size();
  const absl::Status status = parts.size() == 1
                                  ? WriteAll(*segment.file, parts.front(), segment.end)
                                  : WriteAll(*segment.file, std::span(parts.data(), parts.size()), segment.end);
  if (!status.ok()) return Rewind(status);
  const RecordLocation at{segment.sequence(), static_cast<uint32_t>(segment.end), static_cast<uint32_t>(bytes)};
  segment.end = end;
  if (segment.end > size_) {
    disk_bytes_ += segment.end - size_;
    size_ = segment.end;
  }
  return at;
}

absl::Status LogWriter::Rewind(const absl::Status& cause) {
  JournalSegment& segment = head();
  if (absl::Status status = segment.file->Truncate(segment.end); !status.ok()) {
    // The next segment's head says where this one ends, so that what is left there counts for nothing.
    untrusted_ = true;
    return absl::Status(cause.code(),
                        absl::StrCat(cause.message(), "; and ", status.message(),
                                     ", so that a part of the batch may stand there until the next one is written"));
  }
  disk_bytes_ -= size_ - segment.end;
  size_ = segment.end;
  if (segment.file->Allocate(options_.segment_bytes).ok()) {
    disk_bytes_ += std::max(size_, options_.segment_bytes) - size_;
    size_ = std::max(size_, options_.segment_bytes);
  }
  return cause;
}

absl::Status LogWriter::OpenSegment(uint64_t at_least, RecordId next_record) {
  const uint64_t size = std::max(at_least, options_.segment_bytes);
  auto segment = std::make_shared<JournalSegment>();
  segment->head = {.sequence = segments_.empty() ? 1 : head().sequence() + 1,
                   .salt = RandomSalt(),
                   .oldest = segments_.empty() ? 1 : segments_.front()->sequence(),
                   .previous_end = segments_.empty() ? 0 : head().end,
                   .next_record = next_record,
                   .synced = options_.synced};
  segment->seed = FrameSeed(segment->head);
  segment->path = absl::StrCat(options_.path, "/", SegmentName(segment->sequence()));
  if (spares_.empty()) {
    absl::StatusOr<Spare> made = MakeSpare();
    if (!made.ok()) return made.status();
    spares_.push_back(*std::move(made));
  }
  Spare spare = std::move(spares_.front());
  spares_.pop_front();
  segment->file = std::move(spare.file);
  absl::Status status = size > options_.segment_bytes ? segment->file->Allocate(size) : absl::OkStatus();
  if (status.ok()) status = WriteAll(*segment->file, EncodeHead(segment->head), 0);
  if (status.ok() && options_.synced) {
    status = segment->file->Sync();
    sync_failed_ = !status.ok();
  }
  if (status.ok()) status = files_.Rename(spare.path, segment->path);
  if (!status.ok()) (void)files_.Unlink(spare.path);
  if (status.ok() && options_.synced) {
    status = files_.SyncDirectory(options_.path);
    sync_failed_ = !status.ok();
  }
  if (!status.ok()) return status;
  if (!segments_.empty()) {
    // The room that was taken and not used. If that fails, the file is only larger than it need be.
    if (head().file->Truncate(head().end).ok()) disk_bytes_ -= size_ - head().end;
    closed_bytes_ += head().end - kHeadSize;
  }
  segments_.push_back(std::move(segment));
  size_ = size;
  disk_bytes_ += size;
  untrusted_ = false;
  return absl::OkStatus();
}

absl::StatusOr<LogWriter::Spare> LogWriter::MakeSpare() {
  Spare spare;
  spare.sequence = 1 + (!spares_.empty() ? spares_.back().sequence : segments_.empty() ? 0 : head().sequence());
  // Under another name until its head stands in it, so that a segment always has one.
  spare.path = absl::StrCat(options_.path, "/", SegmentName(spare.sequence), ".new");
  absl::StatusOr<std::unique_ptr<JournalFile>> file = files_.Open(spare.path, JournalFiles::Mode::kCreate);
  if (!file.ok()) return file.status();
  spare.file = *std::move(file);
  if (absl::Status status = spare.file->Allocate(options_.segment_bytes); !status.ok()) {
    (void)files_.Unlink(spare.path);
    return status;
  }
  return spare;
}

absl::Status LogWriter::TakeSpares() {
  while (spares_.size() < kSpares) {
    absl::StatusOr<Spare> spare = MakeSpare();
    if (!spare.ok()) return spare.status();
    spares_.push_back(*std::move(spare));
  }
  return absl::OkStatus();
}

absl::Status LogWriter::RemoveOldest() {
  const JournalSegment& oldest = *segments_.front();
  absl::StatusOr<uint64_t> size = oldest.file->Size();
  if (absl::Status status = files_.Unlink(oldest.path); !status.ok()) return status;
  disk_bytes_ -= std::min(disk_bytes_, size.ok() ? *size : oldest.end);
  closed_bytes_ -= oldest.end - kHeadSize;
  segments_.pop_front();
  return absl::OkStatus();
}

}  // namespace sluice
