// What a right configuration becomes, and what is said of it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "tests/unit/config/fixture.h"

namespace sluice {

class Load : public testing::Test {
 protected:
  GatewayConfig Config(std::string_view yaml) {
    LoadResult result = world_.Load(yaml);
    EXPECT_EQ(Lines(result), "");
    return std::move(result.config);
  }
  MqttOptions Plant(std::string_view connection) { return Config(WithConnection(connection)).connections["plant"]; }
  RouteConfig Route(std::string_view route) { return Config(WithRoute(route)).routes.at(0); }
  std::string Warnings(std::string_view yaml) {
    LoadResult result = world_.Load(yaml);
    EXPECT_EQ(Lines(result), "");
    return WarningLines(result);
  }

  FakeWorld world_;
};

}  // namespace sluice
