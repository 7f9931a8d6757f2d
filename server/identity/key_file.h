// A JWKS file that is replaced while the gateway runs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/identity/key_set.h"
#include "server/runtime/mutex.h"

namespace sluice {

// Thread-safe.
class KeyFile {
 public:
  using ReadFile = std::function<absl::StatusOr<std::string>(const std::string& path)>;

  // `setting`: "workers.auth.jwt[0].jwksFile", for the log. Nothing is read yet.
  KeyFile(std::string setting, std::string path, ReadFile read);

  // The error names setting and file.
  absl::Status Load();
  // Reads the file again; true: the keys are others now. What cannot be used is told, once for each way in which it
  // cannot, and the last good keys stay.
  bool Refresh();
  // Null before Load() has succeeded.
  std::shared_ptr<const KeySet> keys() const;

 private:
  absl::Status Read(bool* changed);

  const std::string setting_;
  const std::string path_;
  const ReadFile read_;

  mutable Mutex mutex_;
  std::string text_ ABSL_GUARDED_BY(mutex_);
  std::string said_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const KeySet> keys_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
