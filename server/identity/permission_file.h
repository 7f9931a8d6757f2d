// A file of rules that may be replaced while the gateway runs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/identity/permission_rule.h"
#include "server/identity/permissions.h"
#include "server/runtime/clock.h"
#include "server/runtime/ticker.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Called by one thread at a time.
class PermissionFile final : public Tickable {
 public:
  static constexpr Millis kLookEvery{1'000};

  struct Parsed {
    std::vector<PermissionRule> rules;
    std::vector<std::string> warnings;  // For the log; each says where it belongs.
  };
  struct Seams {
    std::function<absl::StatusOr<std::string>(const std::string& path)> read_file;
    // The error says what is wrong, and where.
    std::function<absl::StatusOr<Parsed>(const std::string& text)> parse;
    // From now on the rules are these.
    std::function<void(Permissions rules)> changed;
  };

  // `rules` are those that are in use. `metrics` outlives it.
  PermissionFile(std::string path, std::vector<PermissionRule> rules, Seams seams, MetricsRegistry& metrics);

  // Reads the file if it is time to. A file that cannot be used leaves the rules as they are; the log says why, once for
  // each reason.
  SteadyTime Tick(SteadyTime now) override;

 private:
  absl::Status Look();

  const std::string path_;
  const Seams seams_;
  std::vector<PermissionRule> rules_;
  std::string text_;  // Of the last look, whether it could be used or not.
  std::string said_;  // Why it could not be used; empty: it could.
  SteadyTime look_from_{};
  Gauge& good_;
  Counter& changes_;
};

}  // namespace sluice
