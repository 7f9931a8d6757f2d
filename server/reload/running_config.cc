#include "server/reload/running_config.h"

#include <utility>

#include "server/reload/lines.h"
#include "server/runtime/text.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr int64_t kMillisPerSecond = 1'000;

}  // namespace

RunningConfig::RunningConfig(GatewayConfig config, ConfigOrigin origin, Carry carry, const Clock& clock,
                             MetricsRegistry& metrics)
    : origin_(std::move(origin)),
      carry_(std::move(carry)),
      clock_(clock),
      success_(metrics.GetGauge("sluice_config_last_reload_success",
                                "1: the configuration was last changed as asked, or not yet; 0: that was refused, and "
                                "nothing has changed.")),
      success_time_(metrics.GetGauge("sluice_config_last_reload_success_timestamp_seconds",
                                     "Since when the gateway runs with its configuration, since the Unix epoch.")),
      hash_(metrics.GetGauge("sluice_config_hash",
                             "Version of the configuration that runs: the first 48 bits of the SHA-256 of its file, as "
                             "a number. The same where replicas run with the same.")),
      last_version_(origin_.last_version),
      store_(origin_.store),
      config_(std::make_shared<const GatewayConfig>(std::move(config))),
      version_{.hash = origin_.hash, .unix_ms = clock.UnixMillis(), .source = text::Concat(origin_.name, " (start)")},
      shown_(origin_.shown),
      items_(origin_.items),
      additions_(origin_.additions) {
  if (!origin_.text.empty()) base_ = ConfigText{.text = origin_.text, .name = origin_.name};
  success_.Set(1);
  success_time_.Set(version_.unix_ms / kMillisPerSecond);
  hash_.Set(ConfigHashNumber(version_.hash));
}

ShownRunning RunningConfig::Show() const {
  MutexLock lock(mutex_);
  return {.version = version_, .yaml = shown_};
}

ConfigVersion RunningConfig::version() const {
  MutexLock lock(mutex_);
  return version_;
}

std::string RunningConfig::Describe() const {
  MutexLock lock(mutex_);
  const std::string version = ToString(version_);
  return trouble_.empty() ? version : text::Concat(version, "; the last change was refused: ", trouble_);
}

std::shared_ptr<const GatewayConfig> RunningConfig::config() const {
  MutexLock lock(mutex_);
  return config_;
}

void RunningConfig::Open() {
  MutexLock lock(changing_);
  open_ = true;
}

void RunningConfig::Close() {
  MutexLock lock(changing_);
  open_ = false;
}

absl::StatusOr<RunningConfig::Loaded> RunningConfig::Load(const std::optional<ConfigText>& text) const {
  if (!origin_.load) {
    return absl::FailedPreconditionError("the gateway was started without a configuration file (--config FILE)");
  }
  const HeldAdditions held = additions();
  // A start reads the file before it knows what was put beside it.
  if (!held.empty()) {
    const LoadResult alone = origin_.load(text, {});
    if (!alone.ok()) return absl::InvalidArgumentError(reload::Lines(alone.errors));
  }
  // What runs has to go on running; what was set aside may come back.
  Desired desired = LoadDesired(origin_.load, text, WithoutTrouble(held), Active(held));
  Loaded loaded{.result = std::move(desired.loaded), .additions = std::move(desired.additions), .proposal = {}};
  if (!loaded.result.ok()) return absl::InvalidArgumentError(reload::Lines(loaded.result.errors));
  loaded.proposal.hash = loaded.result.hash;
  loaded.proposal.warnings = loaded.result.config.warnings;
  loaded.proposal.running = version();
  loaded.proposal.plan = PlanReload(*config(), loaded.result.config);
  return loaded;
}

absl::StatusOr<ConfigProposal> RunningConfig::Plan(const std::optional<ConfigText>& text) const {
  MutexLock lock(changing_);
  absl::StatusOr<Loaded> loaded = Load(text);
  if (!loaded.ok()) return loaded.status();
  return std::move(loaded->proposal);
}

absl::StatusOr<ConfigProposal> RunningConfig::Apply(const std::optional<ConfigText>& text, const std::string& asker,
                                                    const std::string& expected_hash) {
  const std::string source = text::Concat(text ? text->name : origin_.name, " (", asker, ")");
  MutexLock lock(changing_);
  absl::StatusOr<ConfigProposal> proposal = Change(text, source, expected_hash);
  Note(proposal.status(), source);
  return proposal;
}

absl::StatusOr<ConfigProposal> RunningConfig::Change(const std::optional<ConfigText>& text, const std::string& source,
                                                     const std::string& expected_hash) {
  if (!open_) return absl::UnavailableError("the gateway starts or shuts down");
  if (const std::string hash = version().hash; !expected_hash.empty() && expected_hash != hash) {
    return absl::AbortedError(text::Concat("version ", hash, " runs, not ", expected_hash));
  }
  absl::StatusOr<Loaded> loaded = Load(text);
  if (!loaded.ok()) return loaded.status();
  ConfigProposal& proposal = loaded->proposal;
  if (proposal.plan.needs_restart()) return absl::FailedPreconditionError(proposal.plan.RestartReasons());
  if (absl::Status status = carry_(loaded->result.config, proposal.plan); !status.ok()) return status;

  proposal.running = {.hash = proposal.hash, .unix_ms = clock_.UnixMillis(), .source = source};
  base_ = ConfigText{.text = std::move(loaded->result.text), .name = text ? text->name : origin_.name};
  MutexLock lock(mutex_);
  Publish(std::move(loaded->result), std::move(loaded->additions));
  version_ = proposal.running;
  for (const std::string& warning : proposal.warnings) log::Warning("configuration warning", {{"says", warning}});
  for (const PlannedChange& change : proposal.plan.changes) {
    log::Info("configuration changes", {{"what", change.subject}, {"keys", change.keys}, {"effect", change.effect}});
  }
  return std::move(proposal);
}

absl::Status RunningConfig::Reconnect(const std::string& connection, const std::string& asker) {
  MutexLock lock(changing_);
  if (!open_) return absl::UnavailableError("the gateway starts or shuts down");
  const std::shared_ptr<const GatewayConfig> running = config();
  if (!running->connections.contains(connection)) {
    std::string names;
    for (const auto& [name, options] : running->connections) {
      text::AppendPart(names, text::Concat(std::string_view(names.empty() ? "" : ", "), name));
    }
    return absl::NotFoundError(
        text::Concat("there is no connection '", connection, "'; there are: ", names.empty() ? "none" : names));
  }
  ReloadPlan plan;
  plan.remade.insert(connection);
  plan.reconnected.insert(connection);
  log::Info("connection is made anew", {{"connection", connection}, {"asker", asker}});
  return carry_(*running, plan);
}

void RunningConfig::Note(const absl::Status& status, const std::string& source) {
  success_.Set(status.ok() ? 1 : 0);
  MutexLock lock(mutex_);
  trouble_ = std::string(text::Message(status));
  if (status.ok()) {
    success_time_.Set(version_.unix_ms / kMillisPerSecond);
    hash_.Set(ConfigHashNumber(version_.hash));
    log::Info("configuration applied", {{"config_version", version_.hash}, {"source", source}});
  } else {
    log::Error("configuration not applied: nothing has changed",
               {{"source", source}, {"config_version", version_.hash}, {"reason", trouble_}});
  }
}

}  // namespace sluice
