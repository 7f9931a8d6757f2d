// A secret that a caller must show, from a file that may be replaced while the gateway runs.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"

namespace sluice {

// Thread-safe.
class TokenGate {
 public:
  static constexpr Millis kLookEvery{1'000};

  // `setting`: "http.metricsTokenFile", for errors. `clock` outlives it.
  TokenGate(std::string setting, std::string path, const Clock& clock)
      : setting_(std::move(setting)), path_(std::move(path)), clock_(clock) {}

  // Reads the file. The error names setting, file and cause, and nothing of its content.
  absl::Status Load();
  // Whether `authorization`, a header's value, is "Bearer " and the token. Looks at the file once a second at most; one
  // that cannot be read is told, and the last good token stays in use.
  bool Admits(std::string_view authorization);

 private:
  absl::Status LoadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string setting_;
  const std::string path_;
  const Clock& clock_;

  Mutex mutex_;
  std::string token_ ABSL_GUARDED_BY(mutex_);
  std::string complaint_ ABSL_GUARDED_BY(mutex_);  // Told last.
  SteadyTime next_look_ ABSL_GUARDED_BY(mutex_){};
};

}  // namespace sluice
