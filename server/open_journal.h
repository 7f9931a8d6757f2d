// The journal as the configuration wants it.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "server/journal/crash_marks.h"
#include "server/journal/in_hand.h"
#include "server/journal/journal_config.h"
#include "server/journal/metered_files.h"
#include "server/journal/segment_journal.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// What tests put between the gateway and its disk.
struct JournalSeams {
  // Made around the journal for all who write to it.
  std::function<std::unique_ptr<Journal>(Journal& inner)> wrap;
  JournalFiles* files = &JournalFiles::Posix();
};

// Owns the journal; ends with it.
class OpenJournal {
 public:
  // Opens `config.path`/journal, and says in the log what it found there. An error names the remedy.
  static absl::StatusOr<OpenJournal> Open(const JournalConfig& config, const JournalSeams& seams);

  Journal& journal() const { return *outermost_; }
  // Null: it stands in memory only.
  SegmentJournal* on_disk() const { return disk_.get(); }
  // Null: it stands in memory only, or the file cannot be had.
  InHand* in_hand() const { return in_hand_.get(); }
  // Likewise.
  CrashMarks* crash_marks() const { return crash_marks_.get(); }
  void AddMetrics(MetricsRegistry& metrics) const;

 private:
  void OpenInHand(const std::string& directory);

  // Outlive the journal, which pardons.
  std::unique_ptr<InHand> in_hand_;
  std::unique_ptr<CrashMarks> crash_marks_;
  std::unique_ptr<MeteredFiles> files_;  // Null: the journal is in memory. Outlives disk_.
  std::unique_ptr<SegmentJournal> disk_;
  std::unique_ptr<Journal> memory_;
  std::unique_ptr<Journal> wrapped_;
  Journal* outermost_ = nullptr;
};

}  // namespace sluice
