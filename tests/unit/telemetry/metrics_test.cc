#include "server/telemetry/metrics.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <string>

#include "server/telemetry/observation_run.h"

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

TEST(Histogram, BoundsAreReadableFrom100MicrosecondsTo500Seconds) {
  EXPECT_EQ(Histogram::UpperBound(0), 0.0001);
  EXPECT_EQ(Histogram::UpperBound(1), 0.00025);
  EXPECT_EQ(Histogram::UpperBound(12), 1.0);
  EXPECT_EQ(Histogram::UpperBound(Histogram::kBuckets - 1), 500.0);
}

TEST(Histogram, PutsADurationIntoTheFirstBucketWhoseBoundHoldsIt) {
  for (size_t i = 0; i < Histogram::kBuckets; ++i) {
    const int64_t last = Histogram::kBoundNanos[i];
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
  EXPECT_EQ(histogram.bucket(12), 3u);
}

TEST(AgeGauge, GrowsByItselfUntilThereIsNothing) {
  AgeGauge age;
  const SteadyTime begun{Millis(5'000)};
  EXPECT_EQ(age.Seconds(begun), 0);
  age.SetSince(begun);
  EXPECT_EQ(age.Seconds(begun + Millis(1'500)), 1.5);
  EXPECT_EQ(age.Seconds(begun - Millis(1)), 0) << "what began in the meantime";
  age.Clear();
  EXPECT_EQ(age.Seconds(begun + Millis(1'500)), 0);
}

TEST(ObservationRun, JoinsWhatFallsIntoOneBucketOfOneHistogram) {
  Histogram one;
  Histogram other;
  ObservationRun run;
  run.Observe(one, 1'500'000);
  run.Observe(one, 2'000'000);
  run.Observe(other, 2'000'000);
  run.Observe(one, 50'000);
  EXPECT_EQ(one.bucket(0), 0u) << "the last run is still open";
  run.Flush();
  run.Flush();
  EXPECT_EQ(one.bucket(Histogram::BucketOf(2'000'000)), 2u);
  EXPECT_EQ(one.bucket(0), 1u);
  EXPECT_EQ(other.bucket(Histogram::BucketOf(2'000'000)), 1u);
  EXPECT_DOUBLE_EQ(one.SumSeconds(), 0.00355);
}

TEST(MetricsRegistry, GivesTheSameObjectForTheSameNameAndLabels) {
  MetricsRegistry registry;
  Counter& counter = registry.GetCounter("sluice_x_total", "X.", {{"chain", "a"}});
  counter.Add(2);
  EXPECT_EQ(&registry.GetCounter("sluice_x_total", "", {{"chain", "a"}}), &counter);
  EXPECT_NE(&registry.GetCounter("sluice_x_total", "", {{"chain", "b"}}), &counter);
}

TEST(MetricsRegistry, TakesSeriesOutAndGivesTheirPlacesToOthers) {
  MetricsRegistry registry;
  Counter* gone = &registry.GetCounter("sluice_x_total", "X.", {{"chain", "a"}, {"reason", "one"}});
  registry.GetCounter("sluice_x_total", "", {{"chain", "a"}, {"reason", "two"}});
  registry.GetCounter("sluice_x_total", "", {{"chain", "b"}, {"reason", "one"}}).Add(7);
  registry.GetGauge("sluice_y", "Y.", {{"chain", "a"}}).Set(3);
  registry.GetHistogram("sluice_z_seconds", "Z.", {{"chain", "a"}}).ObserveNanos(5);
  registry.GetCounter("sluice_other_total", "", {{"chain", "a"}}).Add(1);
  constexpr std::string_view kFamilies[] = {"sluice_x_total", "sluice_y", "sluice_z_seconds", "sluice_none"};
  registry.Remove(kFamilies, "chain", "a");

  std::map<std::string, size_t> series;
  registry.Visit(
      [&](const std::string& name, const MetricsRegistry::Family& family) { series[name] = family.series.size(); });
  EXPECT_EQ(series, (std::map<std::string, size_t>{
                        {"sluice_x_total", 1}, {"sluice_y", 0}, {"sluice_z_seconds", 0}, {"sluice_other_total", 1}}));
  EXPECT_EQ(registry.GetCounter("sluice_x_total", "", {{"chain", "b"}, {"reason", "one"}}).value(), 7u);
  gone->Reset();
  for (const char* reason : {"one", "two"}) {
    EXPECT_EQ(registry.GetCounter("sluice_x_total", "", {{"chain", "c"}, {"reason", reason}}).value(), 0u);
  }
  EXPECT_EQ(registry.GetGauge("sluice_y", "", {{"chain", "c"}}).value(), 0);
  EXPECT_EQ(registry.GetHistogram("sluice_z_seconds", "", {{"chain", "c"}}).bucket(0), 0u);
}

TEST(MetricsRegistry, WhatIsRetiredIsShownNowhereAndMayStillBeUsed) {
  MetricsRegistry registry;
  Gauge& old = registry.GetGauge("sluice_up", "", {{"connection", "a"}, {"role", "intake"}});
  registry.GetGauge("sluice_up", "", {{"connection", "a"}, {"role", "replies"}}).Set(1);
  registry.GetGauge("sluice_up", "", {{"connection", "b"}, {"role", "intake"}}).Set(1);
  constexpr std::string_view kFamilies[] = {"sluice_up", "sluice_none"};
  registry.Retire(kFamilies, {{"connection", "a"}, {"role", "intake"}});
  size_t series = 0;
  registry.Visit([&](const std::string&, const MetricsRegistry::Family& family) { series = family.series.size(); });
  EXPECT_EQ(series, 2u);
  Gauge& next = registry.GetGauge("sluice_up", "", {{"connection", "a"}, {"role", "intake"}});
  old.Set(7);
  EXPECT_EQ(next.value(), 0) << "of somebody else";
  EXPECT_EQ(registry.GetGauge("sluice_up", "", {{"connection", "b"}, {"role", "intake"}}).value(), 1);
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
