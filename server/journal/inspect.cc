#include "server/journal/inspect.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/journal/load.h"

namespace sluice {

std::string JournalInspection::ToString() const {
  std::string text =
      absl::StrCat(report.segments, " segments, ", report.bytes, " bytes, ", report.records, " records\n",
                   "alive: ", report.messages, " messages, ", report.replies, " replies, ", report.dead_letters,
                   " dead letters, ", report.received_packets, " packets of QoS 2, ", report.live_bytes, " bytes\n");
  for (const SegmentSummary& segment : segments) {
    absl::StrAppend(&text, segment.path, ": ", segment.bytes, " bytes, ", segment.live_bytes, " alive\n");
  }
  if (report.cut_bytes > 0) {
    absl::StrAppend(&text, "torn: ", report.cut_bytes, " bytes at the end, of a batch that nobody was told of\n");
  }
  for (const JournalDamage& damage : report.damage) {
    absl::StrAppend(&text, damage.unsynced ? "damaged (not synced yet): " : "DAMAGED: ", damage.ToString(), "\n");
  }
  for (const std::string& warning : report.warnings) absl::StrAppend(&text, "warning: ", warning, "\n");
  return text;
}

absl::StatusOr<JournalInspection> InspectJournal(const std::string& path, JournalFiles& files) {
  // Not CreateDirectories(): that there is none is an answer too.
  if (absl::StatusOr<std::vector<std::string>> names = files.List(path); !names.ok()) return names.status();
  absl::StatusOr<std::unique_ptr<DirectoryLock>> lock = files.Lock(absl::StrCat(path, "/", kLockName));
  if (!lock.ok()) return lock.status();
  absl::StatusOr<LoadedJournal> loaded = LoadJournal(files, path, JournalFiles::Mode::kRead);
  if (!loaded.ok()) return loaded.status();
  JournalInspection inspection;
  inspection.report = std::move(loaded->report);
  for (const auto& segment : loaded->segments) {
    inspection.segments.push_back({.path = segment->path,
                                   .sequence = segment->sequence(),
                                   .bytes = segment->end - std::min<uint64_t>(segment->end, kHeadSize),
                                   .live_bytes = loaded->index.LiveBytesOf(segment->sequence(), segment->sequence())});
  }
  return inspection;
}

}  // namespace sluice
