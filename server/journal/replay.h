// Applies the records of a log to an index, a batch at a time.
#pragma once

#include <string>
#include <vector>

#include "server/journal/index.h"
#include "server/journal/record.h"
#include "server/journal/scanner.h"

namespace sluice {

class JournalReplay final : public ScanSink {
 public:
  explicit JournalReplay(JournalIndex& index) : index_(index) {}

  // Before the scan of each segment.
  void Begin(const SegmentHead& head, std::string path);

  absl::StatusOr<bool> OnFrame(const FrameHeader& header, uint64_t offset, std::string_view body) override;
  void OnTaken() override;
  void OnBatch(bool whole) override;
  void OnTorn() override { batch_.clear(); }

  RecordId next_record() const { return next_record_; }
  // Whether the place stands on the disk for sure, as the log says.
  bool Synced(uint32_t sequence, uint64_t offset) const {
    return sequence < synced_segment_ || (sequence == synced_segment_ && offset < synced_offset_);
  }

 private:
  struct Step {
    RecordKind kind;
    RecordId record = 0;  // kSynced: the segment.
    RecordLocation at;
    uint64_t number = 0;  // Attempts, or the offset of kSynced.
    ReceivedPacket packet;
  };
  void Apply(const Step& step);

  JournalIndex& index_;
  SegmentHead head_;
  std::string path_;
  std::vector<Step> frame_;
  std::vector<Step> batch_;
  std::vector<RecordId> ids_;
  RecordId next_record_ = 1;
  uint32_t synced_segment_ = 0;
  uint64_t synced_offset_ = 0;
};

}  // namespace sluice
