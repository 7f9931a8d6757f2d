#include "server/telemetry/open_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(OpenMetricsText, CallsACountersFamilyWithoutTotal) {
  MetricsRegistry registry;
  registry.GetCounter("sluice_received_total", "Messages taken in.", {{"route", "a\"b\\\n"}, {"qos", "1"}}).Add(7);
  EXPECT_EQ(OpenMetricsText(registry),
            "# TYPE sluice_received counter\n"
            "# HELP sluice_received Messages taken in.\n"
            "sluice_received_total{route=\"a\\\"b\\\\\\n\",qos=\"1\"} 7\n"
            "# EOF\n");
}

TEST(OpenMetricsText, NamesTheUnitThatANameEndsWith) {
  MetricsRegistry registry;
  ManualClock clock;
  registry.GetAgeGauge("sluice_oldest_seconds", "The \"oldest\".").SetSince(clock.Now());
  registry.AddCallbackCounter("sluice_read_bytes_total", "Read.", {}, [] { return 1.25; });
  clock.Advance(Millis(2'500));
  const std::string text = OpenMetricsText(registry, clock);
  EXPECT_THAT(text, HasSubstr("# TYPE sluice_oldest_seconds gauge\n"
                              "# UNIT sluice_oldest_seconds seconds\n"
                              "# HELP sluice_oldest_seconds The \\\"oldest\\\".\n"
                              "sluice_oldest_seconds 2.5\n"));
  EXPECT_THAT(text, HasSubstr("# UNIT sluice_read_bytes bytes\n# HELP sluice_read_bytes Read.\n"
                              "sluice_read_bytes_total 1.25\n"));
}

TEST(OpenMetricsText, SpellsWhatIsNoNumber) {
  MetricsRegistry registry;
  registry.AddCallbackGauge("sluice_a", "A.", {}, [] { return std::numeric_limits<double>::infinity(); });
  registry.AddCallbackGauge("sluice_b", "B.", {}, [] { return std::numeric_limits<double>::quiet_NaN(); });
  EXPECT_THAT(OpenMetricsText(registry), HasSubstr("sluice_a +Inf\n"));
  EXPECT_THAT(OpenMetricsText(registry), HasSubstr("sluice_b NaN\n"));
}

TEST(OpenMetricsText, GivesEachBucketTheNewestExemplar) {
  MetricsRegistry registry;
  Histogram& histogram = registry.GetHistogram("sluice_wait_seconds", "Waiting.", {{"chain", "t"}});
  histogram.ObserveNanos(2'000'000, 2);
  histogram.ObserveNanos(1'000'000'000);
  histogram.ObserveNanos(700'000'000'000);
  histogram.Exemplify({.trace_high = 1, .trace_low = 2, .span = 3, .nanos = 2'000'000, .unix_ns = 1'000'000'000});
  histogram.Exemplify({.trace_high = 0x4bf92f3577b34da6,
                       .trace_low = 0xa3ce929d0e0e4736,
                       .span = 0xf067aa0ba902b7,
                       .nanos = 2'250'000,
                       .unix_ns = 1'795'000'000'123'456'789});
  histogram.Exemplify({.trace_high = 0, .trace_low = 9, .span = 8, .nanos = 700'000'000'000, .unix_ns = 5'000'000'000});
  const std::string text = OpenMetricsText(registry);
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_bucket{chain=\"t\",le=\"0.0001\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_bucket{chain=\"t\",le=\"0.0025\"} 2 "
                              "# {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\",span_id=\"00f067aa0ba902b7\"} 0.00225 "
                              "1795000000.123\n"));
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_bucket{chain=\"t\",le=\"1.0\"} 3\n"));
  EXPECT_THAT(text,
              HasSubstr("sluice_wait_seconds_bucket{chain=\"t\",le=\"+Inf\"} 4 "
                        "# {trace_id=\"00000000000000000000000000000009\",span_id=\"0000000000000008\"} 700 5\n"));
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_count{chain=\"t\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_sum{chain=\"t\"} 701.004\n"));
}

TEST(OpenMetricsText, ForgetsTheExemplarsOfASeriesThatIsUsedAgain) {
  MetricsRegistry registry;
  Histogram& histogram = registry.GetHistogram("sluice_wait_seconds", "Waiting.", {{"chain", "t"}});
  histogram.Exemplify({.trace_high = 1, .trace_low = 2, .span = 3, .nanos = 1, .unix_ns = 1});
  registry.Remove(std::vector<std::string_view>{"sluice_wait_seconds"}, "chain", "t");
  registry.GetHistogram("sluice_wait_seconds", "Waiting.", {{"chain", "u"}});
  EXPECT_THAT(OpenMetricsText(registry), Not(HasSubstr("trace_id")));
}

TEST(OpenMetricsText, EndsWithAWordAlsoWhereThereIsNothing) {
  EXPECT_EQ(OpenMetricsText(MetricsRegistry()), "# EOF\n");
}

}  // namespace
}  // namespace sluice
