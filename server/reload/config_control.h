// What those who administer the gateway may do with its configuration.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/config/version.h"
#include "server/reload/desired.h"
#include "server/reload/plan.h"

namespace sluice {

struct ShownRunning {
  ConfigVersion version;
  std::string yaml;  // Without secrets.
};

struct ConfigProposal {
  ConfigVersion running;              // With Apply(): that runs now.
  std::string hash;                   // Of the proposed one.
  std::vector<std::string> warnings;  // Of the loader.
  ReloadPlan plan;
};

// A route, chain or connection, and where it comes from.
struct ConfiguredItem {
  ItemKey key;
  bool in_file = false;
  std::string yaml;      // Without secrets.
  uint64_t version = 0;  // StoredAddition::version; 0: of the file.
  int64_t put_unix_ms = 0;
  std::string put_by;
  std::string trouble;  // Why it is set aside, for people. Empty: it runs.
};

struct ConfiguredItems {
  std::shared_ptr<const GatewayConfig> config;  // That runs.
  std::vector<ConfiguredItem> items;            // By kind and id.
  bool durable = false;                         // What is put outlives the process.
};

// What is to be put or removed, in one act.
struct ItemEdit {
  std::vector<Addition> put;
  std::vector<ItemKey> removed;
  // Of its only item: the version that is to be replaced or removed; 0: there is none. Nothing: whichever.
  std::optional<uint64_t> expected_version;
};

struct EditOutcome {
  ReloadPlan plan;
  std::vector<std::string> warnings;
  uint64_t version = 0;  // Of all that was put; 0: nothing was, or it was only tried.
  bool durable = false;
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

  virtual ConfiguredItems Items() const = 0;
  // Changes what stands beside the file: stored, then carried out. With `try_only` only says what it would come to.
  // INVALID_ARGUMENT: what the loader says, a line each; FAILED_PRECONDITION: it is the file's, or needs a restart;
  // NOT_FOUND: what is to be removed is not there; ABORTED: it has another version; RESOURCE_EXHAUSTED: there are too
  // many, or the disk is full; UNAVAILABLE: it cannot be stored, or the gateway shuts down. After an error nothing has
  // changed.
  virtual absl::StatusOr<EditOutcome> Edit(ItemEdit edit, const std::string& asker, bool try_only) = 0;
};

}  // namespace sluice
