#include <string>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/json.h"
#include "client/cpp/ctl/text.h"
#include "server/config/load.h"
#include "server/identity/explain.h"

namespace sluice::ctl {
namespace {

// By a file, with the gateway's own code.
absl::StatusOr<v1::ExplainPermissionResponse> Ask(const PermissionsCommand& command) {
  const LoadResult loaded = LoadConfigFile(command.config, Surroundings::Real());
  if (!loaded.ok()) {
    std::string errors = "the configuration is wrong:";
    for (const Diagnostic& error : loaded.errors) errors += "\n  " + error.ToString();
    return absl::InvalidArgumentError(errors);
  }
  const absl::StatusOr<Permissions> permissions = Permissions::Compile(loaded.config.permissions);
  if (!permissions.ok()) return permissions.status();
  return sluice::ExplainPermission(*permissions, command.request);
}

}  // namespace

int RunPermissions(AdminClient* client, const PermissionsCommand& command, bool json, const Console& console) {
  const absl::StatusOr<v1::ExplainPermissionResponse> answer =
      client == nullptr ? Ask(command) : client->ExplainPermission(command.request);
  if (!answer.ok()) return Fail(answer.status(), console);
  if (json) {
    console.out << ToJson(*answer, false);
  } else {
    console.out << (answer->permitted() ? "permitted\n" : "NOT permitted\n");
    for (const std::string& reason : answer->reasons()) console.out << "  " << Printable(reason) << "\n";
  }
  return answer->permitted() ? kOk : kFailure;
}

}  // namespace sluice::ctl
