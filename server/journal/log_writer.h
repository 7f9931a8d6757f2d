// The write end of the log: the segments on disk, and batches into the newest of them.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/journal/file.h"
#include "server/journal/index.h"
#include "server/journal/load.h"
#include "server/journal/record.h"

namespace sluice {

// Not thread-safe: one call at a time.
class LogWriter {
 public:
  struct Options {
    std::string path;
    uint64_t segment_bytes = 0;
    bool synced = false;  // New segments, and the directory, are synced before they are used.
  };
  LogWriter(JournalFiles& files, Options options) : files_(files), options_(std::move(options)) {}
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Goes on where the loaded journal ends; makes the first segment of an empty one.
  absl::Status Begin(std::vector<std::shared_ptr<JournalSegment>> segments, RecordId next_record);

  // Writes the batches in one call; returns where the first begins, with the size of all: the others follow without a
  // gap. An error leaves nothing of them behind, and the next call tries again. `reserve`: it may use the room that is kept for what ends messages, at a segment's end and in the
  // segments in reserve, so that a full disk does not keep the journal from emptying. Others are refused while there
  // is no room for these.
  absl::StatusOr<RecordLocation> Write(std::span<BatchEncoder* const> batches, bool reserve, RecordId next_record);

  // Removes the file of the oldest segment. Not the newest one's.
  absl::Status RemoveOldest();

  // A sync failed while a segment was made: nobody knows what stands on the disk, so nothing must be written any more.
  bool sync_failed() const { return sync_failed_; }

  // Oldest first; the last is written to. Their files stay open as long as anyone holds them.
  const std::deque<std::shared_ptr<JournalSegment>>& segments() const { return segments_; }
  JournalSegment& head() const { return *segments_.back(); }
  // With the reserve.
  uint64_t disk_bytes() const { return disk_bytes_ + spares_.size() * options_.segment_bytes; }
  // Bytes of frames in all segments but the newest.
  uint64_t closed_bytes() const { return closed_bytes_; }

 private:
  // A segment to be: its room is taken, and nothing stands in it.
  struct Spare {
    uint32_t sequence = 0;  // In its name, so that no two are the same; it becomes whichever segment is next.
    std::string path;
    std::unique_ptr<JournalFile> file;
  };

  absl::Status OpenSegment(uint64_t at_least, RecordId next_record);
  absl::StatusOr<Spare> MakeSpare();
  // Fills the reserve.
  absl::Status TakeSpares();
  // After a write that failed: nothing may be left behind the last good frame.
  absl::Status Rewind(const absl::Status& cause);

  JournalFiles& files_;
  const Options options_;
  std::deque<std::shared_ptr<JournalSegment>> segments_;
  std::deque<Spare> spares_;  // The reserve.
  uint64_t size_ = 0;         // Of the newest segment's file.
  bool untrusted_ = false;    // Something is left behind the newest segment's end: go on in another one.
  bool sync_failed_ = false;
  uint64_t disk_bytes_ = 0;
  uint64_t closed_bytes_ = 0;
};

}  // namespace sluice
