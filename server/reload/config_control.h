// What those who administer the gateway may do with its configuration.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/config/version.h"
#include "server/reload/plan.h"

namespace sluice {

struct ShownRunning {
  ConfigVersion version;
  std::string yaml;  // Without secrets.
};

// A configuration in place of a file's.
struct ConfigText {
  std::string text;
  std::string name;  // What errors call it.
};

struct ConfigProposal {
  ConfigVersion running;              // With Apply(): that runs now.
  std::string hash;                   // Of the proposed one.
  std::vector<std::string> warnings;  // Of the loader.
  ReloadPlan plan;
};

// Thread-safe. Errors never hold a secret: INVALID_ARGUMENT: what the loader says, a line each. FAILED_PRECONDITION: the
// gateway was not started with a file.
class ConfigControl {
 public:
  virtual ~ConfigControl() = default;
  virtual ShownRunning Show() const = 0;
  // What Apply() would do. Changes nothing. Nothing for `text`: the gateway's own file, read anew.
  virtual absl::StatusOr<ConfigProposal> Plan(const std::optional<ConfigText>& text) const = 0;
  // Makes it the one that runs. `asker`: who wants it, for people. `expected_hash`: of the version that is to be
  // replaced; empty: whichever. Besides FAILED_PRECONDITION: it needs a restart; ABORTED: another version runs;
  // UNAVAILABLE: the gateway shuts down. After an error nothing has changed.
  virtual absl::StatusOr<ConfigProposal> Apply(const std::optional<ConfigText>& text, const std::string& asker,
                                               const std::string& expected_hash) = 0;
  // Has a connection made anew with the options that it has, so that it reads its files. NOT_FOUND: there is none of this
  // name; UNAVAILABLE: the gateway shuts down.
  virtual absl::Status Reconnect(const std::string& connection, const std::string& asker) = 0;
};

}  // namespace sluice
