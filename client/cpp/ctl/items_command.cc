#include <string>

#include "client/cpp/ctl/changes.h"
#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/json.h"
#include "client/cpp/ctl/text.h"

namespace sluice::ctl {
namespace {

std::string Origin(const v1::ConfigurationItem& item) {
  if (item.in_file()) return "file";
  return item.trouble().empty() ? "put" : "SET ASIDE";
}

std::string Version(const v1::ConfigurationItem& item) { return item.in_file() ? "-" : std::to_string(item.version()); }

Table TableOf(const v1::ListConfigurationItemsResponse& response, v1::ConfigurationItemKind kind) {
  if (kind == v1::CONFIGURATION_ITEM_KIND_ROUTE) {
    Table table({"ROUTE", "CONNECTION", "SUBSCRIPTION", "QOS", "TO", "FROM", "VERSION"});
    for (const v1::ConfigurationItem& item : response.items()) {
      const v1::RouteSummary& route = item.route();
      const bool runs = item.has_route();
      table.Add({Printable(item.id()), runs ? Printable(route.connection()) : "-",
                 runs ? Printable(route.subscription()) : "-", runs ? std::to_string(route.qos()) : "-",
                 runs ? Printable(route.target()) : "-", Origin(item), Version(item)});
    }
    return table;
  }
  if (kind == v1::CONFIGURATION_ITEM_KIND_CHAIN) {
    Table table({"CHAIN", "ORDER", "LEASE", "ATTEMPTS", "FROM", "VERSION"});
    for (const v1::ConfigurationItem& item : response.items()) {
      const v1::ChainSummary& chain = item.chain();
      table.Add({Printable(item.id()), item.has_chain() ? Printable(chain.order_by()) : "-",
                 item.has_chain() ? Age(chain.lease_ms()) : "-",
                 item.has_chain() ? std::to_string(chain.max_attempts()) : "-", Origin(item), Version(item)});
    }
    return table;
  }
  Table table({"CONNECTION", "SERVER", "PROTOCOL", "CLIENT ID", "FROM", "VERSION"});
  for (const v1::ConfigurationItem& item : response.items()) {
    table.Add({Printable(item.id()), Printable(item.connection().server()), Printable(item.connection().protocol()),
               Printable(item.connection().client_id()), Origin(item), Version(item)});
  }
  return table;
}

int List(AdminClient& client, const ItemsCommand& command, bool json, const Console& console) {
  v1::ListConfigurationItemsRequest request;
  request.set_kind(command.kind);
  const absl::StatusOr<v1::ListConfigurationItemsResponse> response = client.ListItems(request);
  if (!response.ok()) return Fail(response.status(), console);
  if (json) {
    for (const v1::ConfigurationItem& item : response->items()) console.out << ToJson(item, true);
    return kOk;
  }
  console.out << TableOf(*response, command.kind).ToString();
  for (const v1::ConfigurationItem& item : response->items()) {
    if (item.trouble().empty()) continue;
    console.err << "sluicectl: " << Printable(item.id()) << " is set aside: " << Printable(item.trouble()) << "\n";
  }
  return kOk;
}

int Show(AdminClient& client, const ItemsCommand& command, bool json, const Console& console) {
  v1::GetConfigurationItemRequest request;
  request.set_kind(command.kind);
  request.set_id(command.id);
  const absl::StatusOr<v1::GetConfigurationItemResponse> response = client.GetItem(request);
  if (!response.ok()) return Fail(response.status(), console);
  const v1::ConfigurationItem& item = response->item();
  if (json) {
    console.out << ToJson(item, false);
    return kOk;
  }
  if (item.in_file()) {
    console.out << "# of the file\n";
  } else {
    console.out << "# version " << item.version() << ", put " << UtcTime(item.put_unix_ms()) << " by "
                << Printable(item.put_by()) << "\n";
  }
  if (!item.trouble().empty()) console.out << "# SET ASIDE: " << Printable(item.trouble()) << "\n";
  console.out << item.yaml();
  return kOk;
}

int Put(AdminClient& client, const ItemsCommand& command, bool json, const Console& console) {
  v1::PutConfigurationItemsRequest request;
  request.set_kind(command.kind);
  request.set_dry_run(command.dry_run);
  if (command.expected_version) request.set_expected_version(*command.expected_version);
  if (absl::Status status = ReadInto(command.path, console, request); !status.ok()) return Fail(status, console);
  return PutItems(client, request, json, console);
}

int Delete(AdminClient& client, const ItemsCommand& command, bool json, const Console& console) {
  v1::DeleteConfigurationItemRequest request;
  request.set_kind(command.kind);
  request.set_id(command.id);
  request.set_dry_run(command.dry_run);
  if (command.expected_version) request.set_expected_version(*command.expected_version);
  const absl::StatusOr<v1::DeleteConfigurationItemResponse> response = client.DeleteItem(request);
  if (!response.ok()) return FailUnchanged(response.status(), console);
  if (json) {
    console.out << ToJson(*response, false);
    return kOk;
  }
  SayWarnings(response->warnings(), console);
  console.out << ChangesOf(*response)
              << (command.dry_run ? "only tried: nothing has changed\n" : "deleted: " + Printable(command.id) + "\n");
  return kOk;
}

}  // namespace

int PutItems(AdminClient& client, const v1::PutConfigurationItemsRequest& request, bool json, const Console& console) {
  const absl::StatusOr<v1::PutConfigurationItemsResponse> response = client.PutItems(request);
  if (!response.ok()) return FailUnchanged(response.status(), console);
  if (json) {
    console.out << ToJson(*response, false);
    return kOk;
  }
  SayWarnings(response->warnings(), console);
  console.out << ChangesOf(*response);
  if (response->changes_size() == 0) console.out << "nothing differs\n";
  if (request.dry_run()) {
    console.out << "only tried: nothing has changed\n";
    return kOk;
  }
  for (const v1::ConfigurationItem& item : response->items()) {
    console.out << "put: " << Printable(item.id()) << ", version " << item.version() << "\n";
  }
  if (!response->durable()) {
    console.err << "The gateway has no journal on disk: this lasts until it ends.\n";
  }
  return kOk;
}

int RunItems(AdminClient& client, const ItemsCommand& command, bool json, const Console& console) {
  switch (command.verb) {
    case ItemsCommand::Verb::kList:
      return List(client, command, json, console);
    case ItemsCommand::Verb::kShow:
      return Show(client, command, json, console);
    case ItemsCommand::Verb::kPut:
      return Put(client, command, json, console);
    case ItemsCommand::Verb::kDelete:
      break;
  }
  return Delete(client, command, json, console);
}

}  // namespace sluice::ctl
