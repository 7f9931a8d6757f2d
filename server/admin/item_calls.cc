#include "server/admin/item_calls.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/admin/configuration_calls.h"
#include "server/mqtt/server_list.h"
#include "server/reload/lines.h"

namespace sluice {
namespace {

absl::Status NoItems() {
  return absl::FailedPreconditionError("the gateway does not say what its configuration came from");
}

// The numbers of the two are the same.
std::optional<ItemKind> KindOf(v1::ConfigurationItemKind kind) {
  if (kind < v1::CONFIGURATION_ITEM_KIND_ROUTE || kind > v1::CONFIGURATION_ITEM_KIND_CONNECTION) return std::nullopt;
  return static_cast<ItemKind>(kind);
}

void KeyToProto(const ItemKey& key, v1::ConfigurationItem& out) {
  out.set_kind(static_cast<v1::ConfigurationItemKind>(key.kind));
  out.set_id(key.id);
}

void RouteToProto(const RouteConfig& route, v1::RouteSummary& out) {
  out.set_connection(route.connection);
  out.set_subscription(route.share.empty() ? route.filter : absl::StrCat("$share/", route.share, "/", route.filter));
  out.set_qos(static_cast<uint32_t>(route.qos));
  out.set_target(route.target);
  for (const std::string& processor : route.from_processors) out.add_from_processors(processor);
  for (const std::string& processor : route.to_processors) out.add_to_processors(processor);
}

void ChainToProto(const ChainOptions& options, v1::ChainSummary& out) {
  const OrderBy& order = options.order_by;
  out.set_order_by(order.kind == OrderBy::Kind::kNone    ? "none"
                   : order.kind == OrderBy::Kind::kTopic ? "topic"
                                                         : absl::StrCat("topic level ", order.level));
  out.set_lease_ms(static_cast<uint64_t>(options.lease.count()));
  out.set_max_attempts(options.max_attempts);
}

void ToProto(const ConfiguredItem& item, const GatewayConfig& config, v1::ConfigurationItem& out) {
  KeyToProto(item.key, out);
  out.set_in_file(item.in_file);
  out.set_version(item.version);
  out.set_put_unix_ms(item.put_unix_ms);
  out.set_put_by(item.put_by);
  out.set_trouble(item.trouble);
  out.set_yaml(item.yaml);
  if (!item.trouble.empty()) return;
  if (item.key.kind == ItemKind::kRoute) {
    const auto route = std::ranges::find(config.routes, item.key.id, &RouteConfig::id);
    if (route != config.routes.end()) RouteToProto(*route, *out.mutable_route());
  } else if (item.key.kind == ItemKind::kChain) {
    const auto chain = config.chains.find(item.key.id);
    if (chain != config.chains.end()) ChainToProto(chain->second, *out.mutable_chain());
  } else if (const auto found = config.connections.find(item.key.id); found != config.connections.end()) {
    out.mutable_connection()->set_server(absl::StrJoin(ServersOf(found->second), ", "));
    out.mutable_connection()->set_client_id(found->second.client_id);
    out.mutable_connection()->set_protocol(found->second.mqtt5 ? "5" : "3.1.1");
  }
}

template <typename Response>
void OutcomeToProto(const EditOutcome& outcome, Response& out) {
  for (const PlannedChange& change : outcome.plan.changes) ToProto(change, *out.add_changes());
  for (const std::string& warning : outcome.warnings) out.add_warnings(warning);
}

std::string Name(const v1::ConfigurationItem& item) {
  const std::optional<ItemKind> kind = KindOf(item.kind());
  return ToString(ItemKey{.kind = kind.value_or(ItemKind::kRoute), .id = item.id()});
}

}  // namespace

absl::Status ListConfigurationItems(const ConfigControl* control, const v1::ListConfigurationItemsRequest& request,
                                    v1::ListConfigurationItemsResponse& response) {
  if (control == nullptr) return NoItems();
  const ConfiguredItems all = control->Items();
  const std::optional<ItemKind> kind = KindOf(request.kind());
  for (const ConfiguredItem& item : all.items) {
    if (!kind || item.key.kind == *kind) ToProto(item, *all.config, *response.add_items());
  }
  return absl::OkStatus();
}

absl::Status GetConfigurationItem(const ConfigControl* control, const v1::GetConfigurationItemRequest& request,
                                  v1::GetConfigurationItemResponse& response) {
  if (control == nullptr) return NoItems();
  const std::optional<ItemKind> kind = KindOf(request.kind());
  if (!kind) return absl::InvalidArgumentError("kind: not set; allowed: ROUTE, CHAIN, CONNECTION");
  const ConfiguredItems all = control->Items();
  const ItemKey key{.kind = *kind, .id = request.id()};
  const auto found = std::ranges::find(all.items, key, &ConfiguredItem::key);
  if (found == all.items.end())
    return absl::NotFoundError(
        absl::StrCat("there is no ", ToString(key), " in the file, and none was put",
                     key.kind == ItemKind::kChain ? "; a chain needs none: 'chains status' shows those at work" : ""));
  ToProto(*found, *all.config, *response.mutable_item());
  return absl::OkStatus();
}

absl::Status PutConfigurationItems(ConfigControl* control, const std::string& asker,
                                   const v1::PutConfigurationItemsRequest& request,
                                   v1::PutConfigurationItemsResponse& response) {
  if (control == nullptr) return NoItems();
  const std::string name = request.name().empty() ? "the request" : request.name();
  ParsedItems parsed = ParseItems(request.yaml(), name, KindOf(request.kind()));
  if (!parsed.errors.empty()) return absl::InvalidArgumentError(reload::Lines(parsed.errors));
  for (const Addition& addition : parsed.items) KeyToProto(addition.key, *response.add_items());
  ItemEdit edit{.put = std::move(parsed.items), .removed = {}, .expected_version = std::nullopt};
  if (request.has_expected_version()) edit.expected_version = request.expected_version();
  const absl::StatusOr<EditOutcome> outcome = control->Edit(std::move(edit), asker, request.dry_run());
  if (!outcome.ok()) return outcome.status();
  OutcomeToProto(*outcome, response);
  response.set_durable(outcome->durable);
  if (request.dry_run()) return absl::OkStatus();
  const ConfiguredItems all = control->Items();
  for (v1::ConfigurationItem& item : *response.mutable_items()) {
    const ItemKey key{.kind = *KindOf(item.kind()), .id = item.id()};
    const auto found = std::ranges::find(all.items, key, &ConfiguredItem::key);
    if (found != all.items.end()) ToProto(*found, *all.config, item);
    // Somebody may have put another one meanwhile.
    item.set_version(outcome->version);
  }
  return absl::OkStatus();
}

absl::Status DeleteConfigurationItem(ConfigControl* control, const std::string& asker,
                                     const v1::DeleteConfigurationItemRequest& request,
                                     v1::DeleteConfigurationItemResponse& response) {
  if (control == nullptr) return NoItems();
  const std::optional<ItemKind> kind = KindOf(request.kind());
  if (!kind) return absl::InvalidArgumentError("kind: not set; allowed: ROUTE, CHAIN, CONNECTION");
  const ItemKey key{.kind = *kind, .id = request.id()};
  KeyToProto(key, *response.mutable_item());
  ItemEdit edit{.put = {}, .removed = {key}, .expected_version = std::nullopt};
  if (request.has_expected_version()) edit.expected_version = request.expected_version();
  const absl::StatusOr<EditOutcome> outcome = control->Edit(std::move(edit), asker, request.dry_run());
  if (!outcome.ok()) return outcome.status();
  OutcomeToProto(*outcome, response);
  return absl::OkStatus();
}

AdminRole RoleFor(const v1::PutConfigurationItemsRequest& request) {
  const ParsedItems parsed = ParseItems(request.yaml(), "", KindOf(request.kind()));
  const auto is_connection = [](const Addition& each) { return each.key.kind == ItemKind::kConnection; };
  return std::ranges::any_of(parsed.items, is_connection) ? AdminRole::kAdmin : AdminRole::kOperator;
}

AdminRole RoleFor(const v1::DeleteConfigurationItemRequest& request) {
  return KindOf(request.kind()) == ItemKind::kConnection ? AdminRole::kAdmin : AdminRole::kOperator;
}

std::string Summary(const v1::PutConfigurationItemsResponse& response) {
  std::string summary;
  for (const v1::ConfigurationItem& item : response.items()) {
    absl::StrAppend(&summary, summary.empty() ? "" : "; ", Name(item));
    if (item.version() != 0) absl::StrAppend(&summary, " version ", item.version());
  }
  return summary;
}

std::string Summary(const v1::DeleteConfigurationItemResponse& response) { return Name(response.item()); }

}  // namespace sluice
