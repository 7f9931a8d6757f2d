// Reads a journal's directory: segments, damage, and the index of what is alive. Changes nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/journal/file.h"
#include "server/journal/format.h"
#include "server/journal/index.h"
#include "server/journal/recovered.h"

namespace sluice {

// One file of the log.
struct JournalSegment {
  SegmentHead head;
  std::string path;
  std::unique_ptr<JournalFile> file;
  uint32_t seed = 0;
  uint64_t end = kHeadSize;  // Behind the last frame.
  bool unsynced = false;     // Written to since the last sync.

  uint32_t sequence() const { return head.sequence; }
};

struct LoadedJournal {
  std::vector<std::shared_ptr<JournalSegment>> segments;  // In order, without gaps save those that `damage` names.
  JournalIndex index;
  RecordId next_record = 1;
  JournalReport report;
  std::vector<std::string> obsolete;  // Files that are of no use any more.
};

inline constexpr char kLockName[] = "LOCK";
std::string SegmentName(uint32_t sequence);

// The caller holds the directory's lock. Damage is reported, not an error; errors are files that are none of a
// journal's, other versions, and reads that fail.
absl::StatusOr<LoadedJournal> LoadJournal(JournalFiles& files, const std::string& path, JournalFiles::Mode mode);

// Puts a readable record over each damaged place, so that what is lost is reported once. Only with OK is nothing lost
// beyond what `damage` says.
absl::Status RepairDamage(JournalFiles& files, const std::string& path, LoadedJournal& journal);

}  // namespace sluice
