#include <string>

#include "client/cpp/ctl/changes.h"
#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/text.h"
#include "server/config/rulego.h"

namespace sluice::ctl {

int RunRuleGo(AdminClient& client, const RuleGoCommand& command, bool json, const Console& console) {
  v1::PutConfigurationItemsRequest request;
  if (absl::Status status = ReadInto(command.path, console, request); !status.ok()) return Fail(status, console);
  const absl::StatusOr<v1::ListConfigurationItemsResponse> there = client.ListItems({});
  if (!there.ok()) return Fail(there.status(), console);
  RuleGoTarget target{
      .connection = command.connection, .password_file = command.password_file, .connections = {}, .chains = {}};
  for (const v1::ConfigurationItem& item : there->items()) {
    if (!item.in_file()) continue;
    if (item.kind() == v1::CONFIGURATION_ITEM_KIND_CONNECTION) {
      target.connections.emplace(item.id(), item.connection().server());
    } else if (item.kind() == v1::CONFIGURATION_ITEM_KIND_CHAIN) {
      target.chains.insert(item.id());
    }
  }
  const RuleGoImport import = ImportRuleGoFor(target, request.yaml(), request.name());
  SayWarnings(import.warnings, console);
  for (const Diagnostic& error : import.errors) console.err << "sluicectl: " << Printable(error.ToString()) << "\n";
  if (!import.errors.empty()) {
    console.err << "sluicectl: nothing has changed\n";
    return kFailure;
  }
  request.set_name("of " + request.name());
  request.set_yaml(import.yaml);
  request.set_dry_run(command.dry_run);
  return PutItems(client, request, json, console);
}

}  // namespace sluice::ctl
