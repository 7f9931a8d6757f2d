#include "server/telemetry/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace sluice {
namespace {

size_t BucketOf(int64_t nanos) {
  Histogram histogram;
  histogram.ObserveNanos(nanos);
  for (size_t i = 0; i <= Histogram::kBuckets; ++i) {
    if (histogram.bucket(i) == 1) return i;
  }
  ADD_FAILURE() << nanos << " is in no bucket";
  return SIZE_MAX;
}

TEST(Histogram, BoundsArePowersOfTwoFrom61MicrosecondsTo512Seconds) {
  EXPECT_DOUBLE_EQ(Histogram::UpperBound(0), 1.0 / 16'384);
  EXPECT_DOUBLE_EQ(Histogram::UpperBound(14), 1.0);
  EXPECT_DOUBLE_EQ(Histogram::UpperBound(Histogram::kBuckets - 1), 512.0);
}

TEST(Histogram, PutsADurationIntoTheFirstBucketWhoseBoundHoldsIt) {
  for (size_t i = 0; i < Histogram::kBuckets; ++i) {
    auto last = static_cast<int64_t>(std::floor(Histogram::UpperBound(i) * 1e9));
    EXPECT_EQ(BucketOf(last), i);
    EXPECT_EQ(BucketOf(last + 1), i + 1);
  }
}

TEST(Histogram, TakesTheExtremes) {
  EXPECT_EQ(BucketOf(0), 0u);
  EXPECT_EQ(BucketOf(1), 0u);
  EXPECT_EQ(BucketOf(-5), 0u);
  EXPECT_EQ(BucketOf(std::numeric_limits<int64_t>::max()), Histogram::kBuckets);
}

TEST(Histogram, SumsAndCountsBatches) {
  Histogram histogram;
  histogram.ObserveNanos(1'000'000'000, 3);
  histogram.ObserveNanos(500'000'000);
  histogram.ObserveNanos(-1);
  EXPECT_DOUBLE_EQ(histogram.SumSeconds(), 3.5);
  EXPECT_EQ(histogram.bucket(14), 3u);
}

TEST(MetricsRegistry, GivesTheSameObjectForTheSameNameAndLabels) {
  MetricsRegistry registry;
  Counter& counter = registry.GetCounter("sluice_x_total", "X.", {{"chain", "a"}});
  counter.Add(2);
  EXPECT_EQ(&registry.GetCounter("sluice_x_total", "", {{"chain", "a"}}), &counter);
  EXPECT_NE(&registry.GetCounter("sluice_x_total", "", {{"chain", "b"}}), &counter);
}

TEST(MetricsRegistry, VisitsFamiliesByNameWithTheFirstHelpText) {
  MetricsRegistry registry;
  registry.GetGauge("sluice_b", "B.");
  registry.GetCounter("sluice_a_total", "A.", {{"k", "1"}});
  registry.GetCounter("sluice_a_total", "another text", {{"k", "2"}});
  std::string seen;
  registry.Visit([&seen](const std::string& name, const MetricsRegistry::Family& family) {
    seen += name + "(" + family.help + std::to_string(family.series.size()) + ")";
  });
  EXPECT_EQ(seen, "sluice_a_total(A.2)sluice_b(B.1)");
}

TEST(MetricsRegistry, MayBeAskedFromWithinAVisit) {
  MetricsRegistry registry;
  registry.AddCallbackGauge("sluice_depth", "Depth.", {}, [&registry] {
    return static_cast<double>(registry.GetCounter("sluice_reads_total", "Reads.").value());
  });
  double read = -1;
  registry.Visit(
      [&read](const std::string&, const MetricsRegistry::Family& family) { read = family.series.front().read(); });
  EXPECT_EQ(read, 0);
}

}  // namespace
}  // namespace sluice
