// The configuration that runs, its version, and how it is exchanged for another one.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/config/load.h"
#include "server/reload/config_control.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Where the configuration of the start came from.
struct ConfigOrigin {
  std::string name;   // "/etc/sluice/gateway.yaml"; "the command line".
  std::string hash;   // LoadResult's.
  std::string shown;  // Likewise.
  // Reads the file anew; a text is taken in its place. Empty: there is none. Called by one thread at a time.
  LoadConfiguration load = nullptr;
  // LoadResult's.
  std::string text = "";
  std::vector<LoadedItem> items = {};
  // What was put beside it. A null store: nothing can be.
  HeldAdditions additions = {};
  uint64_t last_version = 0;
  std::shared_ptr<AdditionStore> store = nullptr;
};

// Takes up what stands in the store: into the configuration of the start, and its origin. What is wrong with it is set
// aside, and told in the log.
absl::Status TakeUp(std::shared_ptr<AdditionStore> store, GatewayConfig& config, ConfigOrigin& origin);

// Thread-safe. One change at a time: who asks meanwhile waits.
class RunningConfig final : public ConfigControl {
 public:
  // Carries a plan out that needs no restart. An error: nothing has changed.
  using Carry = std::function<absl::Status(const GatewayConfig& wanted, const ReloadPlan& plan)>;

  // `clock` and `metrics` outlive it.
  RunningConfig(GatewayConfig config, ConfigOrigin origin, Carry carry, const Clock& clock, MetricsRegistry& metrics);

  ShownRunning Show() const override;
  absl::StatusOr<ConfigProposal> Plan(const std::optional<ConfigText>& text) const override;
  absl::StatusOr<ConfigProposal> Apply(const std::optional<ConfigText>& text, const std::string& asker,
                                       const std::string& expected_hash) override;
  absl::Status Reconnect(const std::string& connection, const std::string& asker) override;

  ConfiguredItems Items() const override;
  absl::StatusOr<EditOutcome> Edit(ItemEdit edit, const std::string& asker, bool try_only) override;

  ConfigVersion version() const;
  // "3fa9…, since …, from …", and why the last change was not made, if it was not.
  std::string Describe() const;
  // As the version that runs has it.
  std::shared_ptr<const GatewayConfig> config() const;
  // Changes are made from now on; when Close() has returned, none is any more.
  void Open();
  void Close();

 private:
  struct Loaded {
    LoadResult result;
    HeldAdditions additions;
    ConfigProposal proposal;
  };
  absl::StatusOr<Loaded> Load(const std::optional<ConfigText>& text) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(changing_);
  absl::StatusOr<ConfigProposal> Change(const std::optional<ConfigText>& text, const std::string& source,
                                        const std::string& expected_hash) ABSL_EXCLUSIVE_LOCKS_REQUIRED(changing_);
  void Note(const absl::Status& status, const std::string& source);
  // Of an edit; what is wrong with it.
  absl::Status Check(const ItemEdit& edit) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(changing_);
  HeldAdditions Edited(const ItemEdit& edit, const std::string& asker) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(changing_);
  HeldAdditions additions() const;
  // Stores it, carries it out, and lets others see it.
  absl::Status Commit(const ItemEdit& edit, Desired desired, const ReloadPlan& plan)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(changing_);
  void Publish(LoadResult result, HeldAdditions additions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(changing_, mutex_);

  const ConfigOrigin origin_;
  const Carry carry_;
  const Clock& clock_;
  Gauge& success_;
  Gauge& success_time_;
  Gauge& hash_;

  // Held for the whole of a change; before mutex_, and before all that `carry` locks.
  mutable Mutex changing_;
  bool open_ ABSL_GUARDED_BY(changing_) = false;
  std::optional<ConfigText> base_ ABSL_GUARDED_BY(changing_);  // Of the file that runs; nothing: the command line.
  uint64_t last_version_ ABSL_GUARDED_BY(changing_);
  const std::shared_ptr<AdditionStore> store_;

  mutable Mutex mutex_;
  std::shared_ptr<const GatewayConfig> config_ ABSL_GUARDED_BY(mutex_);
  ConfigVersion version_ ABSL_GUARDED_BY(mutex_);
  std::string shown_ ABSL_GUARDED_BY(mutex_);
  std::vector<LoadedItem> items_ ABSL_GUARDED_BY(mutex_);
  HeldAdditions additions_ ABSL_GUARDED_BY(mutex_);  // Changed with both.
  std::string trouble_ ABSL_GUARDED_BY(mutex_);      // Of the last change; empty: it was made.
};

}  // namespace sluice
