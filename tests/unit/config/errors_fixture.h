// What a wrong configuration is told.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/unit/config/fixture.h"

namespace sluice {

class LoadErrors : public testing::Test {
 protected:
  std::string Errors(std::string_view yaml) { return Lines(world_.Load(yaml)); }
  std::string OfConnection(std::string_view connection) { return Errors(WithConnection(connection)); }
  std::string OfRoute(std::string_view route) { return Errors(WithRoute(route)); }
  // Of a line behind a minimal configuration: line 5.
  std::string OfLine(std::string_view line) { return Errors(std::string(kMinimal) + std::string(line) + "\n"); }

  FakeWorld world_;
};

}  // namespace sluice
