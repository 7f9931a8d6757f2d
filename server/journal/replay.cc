#include "server/journal/replay.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

// More than any journal gets to; so that the next one is always larger.
constexpr RecordId kMostRecord = RecordId{1} << 62;

}  // namespace

void JournalReplay::Begin(const SegmentHead& head, std::string path) {
  head_ = head;
  path_ = std::move(path);
  next_record_ = std::max(next_record_, head.next_record);
}

absl::StatusOr<bool> JournalReplay::OnFrame(const FrameHeader& header, uint64_t offset, std::string_view body) {
  if (header.kind == 0 || header.kind > kLastKind) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " at ", offset, ": a record of kind ", static_cast<int>(header.kind),
                     ", written by format ", head_.major, ".", head_.minor, ", which this program (", kFormatMajor, ".",
                     kFormatMinor, ") does not know: run the newer version of Sluice that wrote it"));
  }
  frame_.clear();
  Step step;
  step.kind = static_cast<RecordKind>(header.kind);
  step.at = {head_.sequence, static_cast<uint32_t>(offset), static_cast<uint32_t>(header.frame_size())};
  switch (step.kind) {
    case RecordKind::kMessage:
    case RecordKind::kReply:
      step.record = DecodeRecordId(body);
      if (step.record == 0 || step.record > kMostRecord) return false;
      break;
    case RecordKind::kEnd:
    case RecordKind::kConfirm: {
      ids_.clear();
      if (!DecodeIds(body, ids_)) return false;
      for (RecordId record : ids_) {
        step.record = record;
        frame_.push_back(step);
      }
      return true;
    }
    case RecordKind::kAttempts: {
      AttemptsNote note;
      if (!DecodeAttempts(body, note)) return false;
      step.record = note.record;
      step.number = note.attempts;
      break;
    }
    case RecordKind::kDead: {
      DecodedDead dead;
      if (!DecodeDead(body, dead)) return false;
      step.record = dead.record;
      step.number = dead.attempts;
      break;
    }
    case RecordKind::kReceived:
    case RecordKind::kReleased:
      if (!DecodePacket(body, step.packet)) return false;
      break;
    case RecordKind::kSynced: {
      uint32_t segment = 0;
      if (!DecodeSynced(body, segment, step.number)) return false;
      step.record = segment;
      break;
    }
    case RecordKind::kLost:
      return true;
  }
  frame_.push_back(std::move(step));
  return true;
}

void JournalReplay::OnTaken() {
  for (Step& step : frame_) batch_.push_back(std::move(step));
  frame_.clear();
}

void JournalReplay::OnBatch(bool whole) {
  for (const Step& step : batch_) {
    // Of a batch with a hole only what it adds counts: what it ended may have been answered by what is lost.
    if (!whole && (step.kind == RecordKind::kEnd || step.kind == RecordKind::kConfirm)) continue;
    // Nor do copies whose originals are still there: what is to follow behind them may be lost.
    if (!whole && step.kind == RecordKind::kMessage && index_.Find(step.record) != nullptr) continue;
    Apply(step);
  }
  batch_.clear();
}

void JournalReplay::Apply(const Step& step) {
  switch (step.kind) {
    case RecordKind::kMessage:
      // One that was carried: its attempts, or its dead letter, follow behind it.
      index_.End(step.record);
      index_.AddMessage(step.record, step.at);
      next_record_ = std::max(next_record_, step.record + 1);
      break;
    case RecordKind::kReply:
      index_.AddReply(step.record, step.at);
      next_record_ = std::max(next_record_, step.record + 1);
      break;
    case RecordKind::kEnd:
      index_.End(step.record);
      break;
    case RecordKind::kConfirm:
      index_.Confirm(step.record);
      break;
    case RecordKind::kAttempts:
      index_.SetAttempts(step.record, static_cast<uint32_t>(step.number));
      break;
    case RecordKind::kDead:
      index_.SetDead(step.record, static_cast<uint32_t>(step.number), step.at);
      break;
    case RecordKind::kReceived:
      index_.AddPacket(step.packet, step.at);
      break;
    case RecordKind::kReleased:
      index_.Release(step.packet);
      break;
    case RecordKind::kSynced:
      if (!Synced(static_cast<uint32_t>(step.record), step.number)) {
        synced_segment_ = static_cast<uint32_t>(step.record);
        synced_offset_ = step.number;
      }
      break;
    case RecordKind::kLost:
      break;
  }
}

}  // namespace sluice
