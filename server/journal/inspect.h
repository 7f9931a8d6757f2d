// Looks into a journal that is not in use, without changing it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/journal/file.h"
#include "server/journal/recovered.h"

namespace sluice {

struct SegmentSummary {
  std::string path;
  uint32_t sequence = 0;
  uint64_t bytes = 0;  // Of its frames.
  uint64_t live_bytes = 0;
};

struct JournalInspection {
  JournalReport report;
  std::vector<SegmentSummary> segments;

  // For people, a line each.
  std::string ToString() const;
};

// Reads all of it and checks every checksum. Errors are those of SegmentJournal::Open, save that damage is a part of
// the report. Takes the directory's lock meanwhile (and makes its file, if it is not there).
absl::StatusOr<JournalInspection> InspectJournal(const std::string& path, JournalFiles& files = JournalFiles::Posix());

}  // namespace sluice
