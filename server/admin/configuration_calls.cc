#include "server/admin/configuration_calls.h"

#include <optional>
#include <string>
#include <utility>

namespace sluice {
namespace {

absl::Status NoControl() {
  return absl::FailedPreconditionError("the gateway was started without a configuration file (--config FILE)");
}

const char* NameOf(PlannedChange::Kind kind) {
  if (kind == PlannedChange::Kind::kAdded) return "added";
  return kind == PlannedChange::Kind::kRemoved ? "removed" : "changed";
}

template <typename Request>
std::optional<ConfigText> TextOf(const Request& request) {
  if (!request.has_file()) return std::nullopt;
  const v1::ConfigurationFile& file = request.file();
  return ConfigText{.text = file.yaml(), .name = file.name().empty() ? "the configuration" : file.name()};
}

template <typename Response>
void ToProto(const ConfigProposal& proposal, Response& out) {
  ToProto(proposal.running, *out.mutable_running());
  out.set_kept(proposal.plan.kept);
  for (const std::string& warning : proposal.warnings) out.add_warnings(warning);
  for (const PlannedChange& change : proposal.plan.changes) ToProto(change, *out.add_changes());
}

}  // namespace

void ToProto(const ConfigVersion& version, v1::ConfigurationVersion& out) {
  out.set_hash(version.hash);
  out.set_since_unix_ms(version.unix_ms);
  out.set_source(version.source);
}

void ToProto(const PlannedChange& change, v1::ConfigurationChange& out) {
  out.set_kind(NameOf(change.kind));
  out.set_subject(change.subject);
  out.set_keys(change.keys);
  out.set_effect(change.effect);
  out.set_needs_restart(change.restart);
}

absl::Status GetConfiguration(const ConfigControl* control, v1::GetConfigurationResponse& response) {
  if (control == nullptr) return NoControl();
  ShownRunning shown = control->Show();
  ToProto(shown.version, *response.mutable_version());
  response.set_yaml(std::move(shown.yaml));
  return absl::OkStatus();
}

absl::Status PlanConfiguration(const ConfigControl* control, const v1::PlanConfigurationRequest& request,
                               v1::PlanConfigurationResponse& response) {
  if (control == nullptr) return NoControl();
  const absl::StatusOr<ConfigProposal> proposal = control->Plan(TextOf(request));
  if (!proposal.ok()) return proposal.status();
  ToProto(*proposal, response);
  response.set_hash(proposal->hash);
  return absl::OkStatus();
}

absl::Status ApplyConfiguration(ConfigControl* control, const v1::ApplyConfigurationRequest& request,
                                v1::ApplyConfigurationResponse& response) {
  if (control == nullptr) return NoControl();
  const absl::StatusOr<ConfigProposal> proposal = control->Apply(TextOf(request), "admin", request.expected_hash());
  if (!proposal.ok()) return proposal.status();
  ToProto(*proposal, response);
  return absl::OkStatus();
}

absl::Status ReconnectConnection(ConfigControl* control, const v1::ReconnectConnectionRequest& request) {
  if (control == nullptr) return NoControl();
  return control->Reconnect(request.connection(), "admin");
}

}  // namespace sluice
