// A secret that a caller must show, from a file that may be replaced while the gateway runs.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/runtime/ticker.h"

namespace sluice {

// Thread-safe, but for Tick().
class TokenGate final : public Tickable {
 public:
  static constexpr Millis kLookEvery{1'000};

  // Reads the file. `setting`: "http.metricsTokenFile"; the error names it, the file and the cause, and nothing of the
  // content.
  static absl::StatusOr<std::shared_ptr<TokenGate>> Load(std::string setting, std::string path);

  // Reads it again. One that cannot be used is told once, and the last good token stays in use.
  SteadyTime Tick(SteadyTime now) override;
  // Whether `authorization`, a header's value, is "Bearer " and the token.
  bool Admits(std::string_view authorization);

 private:
  TokenGate(std::string setting, std::string path) : setting_(std::move(setting)), path_(std::move(path)) {}

  absl::Status Read();

  const std::string setting_;
  const std::string path_;

  // Of whoever ticks.
  std::string complaint_;  // Told last.
  SteadyTime next_look_{};

  Mutex mutex_;
  std::string token_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
