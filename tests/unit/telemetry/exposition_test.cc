#include "server/telemetry/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_bucket{chain=\"t\",le=\"6.103515625e-05\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_bucket{chain=\"t\",le=\"0.5\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_bucket{chain=\"t\",le=\"1\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_bucket{chain=\"t\",le=\"512\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("sluice_wait_seconds_bucket{chain=\"t\",le=\"+Inf\"} 4\n"));
}

}  // namespace
}  // namespace sluice
