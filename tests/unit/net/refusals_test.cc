#include "server/net/refusals.h"

#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

TEST(Refusals, AreCountedByReasonFromTheStartHoweverManyAreTold) {
  ManualClock clock;
  MetricsRegistry metrics;
  Refusals refusals("workers", {"per_address"}, clock, metrics);
  refusals.AddReasons({"streams"});
  for (int i = 0; i < 1'000; ++i) refusals.Count("per_address", "10.0.0.7:4711", "1000 connections");
  refusals.Count("nobody_announced", "10.0.0.7:4711", "");
  EXPECT_EQ(refusals.count("per_address"), 1'000u);
  EXPECT_EQ(refusals.count("streams"), 0u);
  size_t series = 0;
  metrics.Visit([&](const std::string& name, const MetricsRegistry::Family& family) {
    if (name == "sluice_connections_refused_total") series = family.series.size();
  });
  EXPECT_EQ(series, 2u);
}

}  // namespace
}  // namespace sluice
