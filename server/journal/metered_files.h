// The journal's files with a watch beside them: how long the disk takes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/journal/file.h"
#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Passes all on to `inner`, and observes each write and each sync of a file, failed ones too. Two readings of the clock
// a call, so two a batch. Thread-safe; `inner` and `clock` outlive it.
class MeteredFiles final : public JournalFiles {
 public:
  MeteredFiles(JournalFiles& inner, const Clock& clock) : inner_(inner), clock_(clock) {}

  const Histogram& writes() const { return writes_; }
  const Histogram& syncs() const { return syncs_; }

  absl::StatusOr<std::unique_ptr<JournalFile>> Open(const std::string& path, Mode mode) override;
  absl::Status Rename(const std::string& from, const std::string& to) override { return inner_.Rename(from, to); }
  absl::Status Unlink(const std::string& path) override { return inner_.Unlink(path); }
  absl::Status CreateDirectories(const std::string& path) override { return inner_.CreateDirectories(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    return inner_.List(directory);
  }
  absl::Status SyncDirectory(const std::string& directory) override { return inner_.SyncDirectory(directory); }
  absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path) override { return inner_.Lock(path); }

 private:
  class File;

  JournalFiles& inner_;
  const Clock& clock_;
  Histogram writes_;
  Histogram syncs_;
};

}  // namespace sluice
