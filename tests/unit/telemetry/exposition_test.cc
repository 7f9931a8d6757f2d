#include "server/telemetry/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

using testing::HasSubstr;

TEST(PrometheusText, ShowsCountersAndGaugesWithLabelsAndHelp) {
  MetricsRegistry registry;
  registry.GetCounter("sluice_received_total", "Messages taken in.", {{"route", "a\"b"}}).Add(7);
  registry.GetGauge("sluice_streams", "Streams.").Set(-2);
  registry.AddCallbackGauge("sluice_waiting", "Waiting.", {{"chain", "t"}}, [] { return 2.5; });
  registry.AddCallbackCounter("sluice_cpu_total", "CPU.", {}, [] { return 1.25; });
  std::string text = PrometheusText(registry);
  EXPECT_THAT(text, HasSubstr("# HELP sluice_received_total Messages taken in.\n"
                              "# TYPE sluice_received_total counter\n"
                              "sluice_received_total{route=\"a\\\"b\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE sluice_streams gauge\nsluice_streams -2\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE sluice_waiting gauge\nsluice_waiting{chain=\"t\"} 2.5\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE sluice_cpu_total counter\nsluice_cpu_total 1.25\n"));
}

TEST(PrometheusText, ShowsHistogramsCumulatively) {
  MetricsRegistry registry;
  Histogram& histogram = registry.GetHistogram("sluice_wait_seconds", "Waiting.", {{"chain", "t"}});
  histogram.ObserveNanos(1, 2);                // First bucket.
  histogram.ObserveNanos(1'000'000'000);       // le="1".
  histogram.ObserveNanos(10'000'000'000'000);  // +Inf.
  std::string text = PrometheusText(registry);
  EXPECT_THAT(text, HasSubstr("# TYPE sluice_wait_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_count{chain=\"t\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_bucket{chain=\"t\",le=\"0.0001\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_bucket{chain=\"t\",le=\"0.5\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_bucket{chain=\"t\",le=\"1\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_bucket{chain=\"t\",le=\"500\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_bucket{chain=\"t\",le=\"+Inf\"} 4\n"));
  EXPECT_EQ(text.find("e-"), std::string::npos) << "bounds are for people, too: " << text;
}

TEST(PrometheusText, ShowsAnAgeAtTheTimeOfReading) {
  MetricsRegistry registry;
  ManualClock clock;
  registry.GetAgeGauge("sluice_oldest_seconds", "The oldest.", {{"chain", "t"}}).SetSince(clock.Now());
  clock.Advance(Millis(2'500));
  EXPECT_THAT(PrometheusText(registry, clock),
              HasSubstr("# TYPE sluice_oldest_seconds gauge\nsluice_oldest_seconds{chain=\"t\"} 2.5\n"));
}

TEST(PrometheusText, ShowsAHistogramThatSomebodyElseKeeps) {
  Histogram kept;
  MetricsRegistry registry;
  registry.AddHistogram("sluice_write_seconds", "Writing.", {}, kept);
  kept.ObserveNanos(1);
  EXPECT_THAT(PrometheusText(registry), HasSubstr("sluice_write_seconds_count 1\n"));
}

}  // namespace
}  // namespace sluice
