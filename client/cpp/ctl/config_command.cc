#include <string>

#include "client/cpp/ctl/changes.h"
#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/json.h"
#include "client/cpp/ctl/text.h"

namespace sluice::ctl {
namespace {

std::string Describe(const v1::ConfigurationVersion& version) {
  return Printable(version.hash()) + ", since " + UtcTime(version.since_unix_ms()) + ", from " +
         Printable(version.source());
}

template <typename Response>
std::string Changes(const Response& response) {
  return ChangesOf(response) + (response.changes_size() == 0 ? "nothing differs; kept: " : "kept: ") +
         Printable(response.kept()) + "\n";
}

int Show(AdminClient& client, bool json, const Console& console) {
  const absl::StatusOr<v1::GetConfigurationResponse> response = client.GetConfiguration();
  if (!response.ok()) return Fail(response.status(), console);
  if (json) {
    console.out << ToJson(*response, false);
  } else {
    console.out << "# version " << Describe(response->version()) << "\n" << response->yaml();
  }
  return kOk;
}

int Diff(AdminClient& client, const ConfigCommand& command, bool json, const Console& console) {
  v1::PlanConfigurationRequest request;
  if (absl::Status status = ReadInto(command.path, console, *request.mutable_file()); !status.ok()) {
    return Fail(status, console);
  }
  const absl::StatusOr<v1::PlanConfigurationResponse> response = client.PlanConfiguration(request);
  if (!response.ok()) return Fail(response.status(), console);
  bool restart = false;
  for (const v1::ConfigurationChange& change : response->changes()) restart = restart || change.needs_restart();
  if (json) {
    console.out << ToJson(*response, false);
  } else {
    SayWarnings(response->warnings(), console);
    console.out << "runs: " << Describe(response->running()) << "\nthis: " << Printable(response->hash()) << "\n"
                << Changes(*response);
  }
  return restart ? kFailure : kOk;
}

int Apply(AdminClient& client, const ConfigCommand& command, bool json, const Console& console) {
  v1::ApplyConfigurationRequest request;
  request.set_expected_hash(command.expected_hash);
  if (!command.path.empty()) {
    if (absl::Status status = ReadInto(command.path, console, *request.mutable_file()); !status.ok()) {
      return Fail(status, console);
    }
  }
  const absl::StatusOr<v1::ApplyConfigurationResponse> response = client.ApplyConfiguration(request);
  if (!response.ok()) return FailUnchanged(response.status(), console);
  if (json) {
    console.out << ToJson(*response, false);
    return kOk;
  }
  SayWarnings(response->warnings(), console);
  console.out << Changes(*response) << "runs: " << Describe(response->running()) << "\n";
  if (request.has_file()) {
    console.err << "The gateway's own file says what it said before: the next start reads that.\n";
  }
  return kOk;
}

}  // namespace

int RunConfig(AdminClient& client, const ConfigCommand& command, bool json, const Console& console) {
  switch (command.verb) {
    case ConfigCommand::Verb::kShow:
      return Show(client, json, console);
    case ConfigCommand::Verb::kDiff:
      return Diff(client, command, json, console);
    case ConfigCommand::Verb::kApply:
      break;
  }
  return Apply(client, command, json, console);
}

}  // namespace sluice::ctl
