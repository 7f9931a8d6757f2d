#include "server/admin/item_calls.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

v1::PutConfigurationItemsRequest Put(v1::ConfigurationItemKind kind, const std::string& yaml) {
  v1::PutConfigurationItemsRequest request;
  request.set_kind(kind);
  request.set_yaml(yaml);
  return request;
}

TEST(ItemCallsTest, ConnectionsAreAnAdministratorsHoweverTheyAreWritten) {
  for (const char* yaml :
       {"connections: {a: {server: b}}", "routes: []\nconnections: {a: {server: b}}",
        "\"connect\\u0069ons\": {a: {server: b}}", "{\"connections\": {\"a\": {\"server\": \"b\"}}}"}) {
    for (const v1::ConfigurationItemKind kind :
         {v1::CONFIGURATION_ITEM_KIND_UNSPECIFIED, v1::CONFIGURATION_ITEM_KIND_ROUTE,
          v1::CONFIGURATION_ITEM_KIND_CONNECTION}) {
      EXPECT_EQ(RoleFor(Put(kind, yaml)), AdminRole::kAdmin) << yaml;
    }
  }
  EXPECT_EQ(RoleFor(Put(v1::CONFIGURATION_ITEM_KIND_CONNECTION, "a: {server: b}")), AdminRole::kAdmin);
  v1::DeleteConfigurationItemRequest request;
  request.set_kind(v1::CONFIGURATION_ITEM_KIND_CONNECTION);
  EXPECT_EQ(RoleFor(request), AdminRole::kAdmin);
}

TEST(ItemCallsTest, RoutesAndChainsAreAnOperators) {
  EXPECT_EQ(RoleFor(Put(v1::CONFIGURATION_ITEM_KIND_ROUTE, "{id: a, from: {path: a}, to: {path: c}}")),
            AdminRole::kOperator);
  EXPECT_EQ(RoleFor(Put(v1::CONFIGURATION_ITEM_KIND_CHAIN, "a: {lease: 5m}")), AdminRole::kOperator);
  v1::DeleteConfigurationItemRequest request;
  request.set_kind(v1::CONFIGURATION_ITEM_KIND_ROUTE);
  EXPECT_EQ(RoleFor(request), AdminRole::kOperator);
}

}  // namespace
}  // namespace sluice
