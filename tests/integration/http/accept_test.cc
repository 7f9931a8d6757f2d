#include "server/http/accept.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr auto kOpen = MetricsFormat::kOpenMetrics;
constexpr auto kText = MetricsFormat::kPrometheusText;

TEST(MetricsFormatFor, IsPlainTextForThoseWhoDoNotAsk) {
  EXPECT_EQ(MetricsFormatFor({}), kText);
  EXPECT_EQ(MetricsFormatFor({""}), kText);
  EXPECT_EQ(MetricsFormatFor({"*/*"}), kText);
  EXPECT_EQ(MetricsFormatFor({"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}), kText);
}

TEST(MetricsFormatFor, IsOpenMetricsForPrometheus) {
  // Versions 2.30 and 3.0.
  EXPECT_EQ(MetricsFormatFor({"application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}),
            kText)
      << "a draft that we do not write";
  EXPECT_EQ(MetricsFormatFor({"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
                              "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}),
            kOpen);
  EXPECT_EQ(
      MetricsFormatFor({"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/"
                        "openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                        "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"}),
      kOpen);
}

TEST(MetricsFormatFor, FollowsWhatIsWantedMore) {
  EXPECT_EQ(MetricsFormatFor({"application/openmetrics-text"}), kOpen);
  EXPECT_EQ(MetricsFormatFor({"Application/OpenMetrics-Text ; Version=1.0.0 ; Q=1"}), kOpen);
  EXPECT_EQ(MetricsFormatFor({"application/openmetrics-text;q=0"}), kText);
  EXPECT_EQ(MetricsFormatFor({"application/openmetrics-text;q=0.4, text/plain;q=0.5"}), kText);
  EXPECT_EQ(MetricsFormatFor({"application/openmetrics-text;q=0.4", "text/plain;q=0.3"}), kOpen) << "two headers";
  EXPECT_EQ(MetricsFormatFor({"application/openmetrics-text;q=0.4, text/*;q=0.5"}), kText);
  EXPECT_EQ(MetricsFormatFor({"application/openmetrics-text;q=0.4, text/plain;q=0.1, */*;q=0.9"}), kOpen)
      << "the closest range counts";
}

TEST(MetricsFormatFor, TakesWhatIsNoQualityForNone) {
  EXPECT_EQ(MetricsFormatFor({"application/openmetrics-text;q=much"}), kText);
  EXPECT_EQ(MetricsFormatFor({"application/openmetrics-text;q="}), kText);
  EXPECT_EQ(MetricsFormatFor({";;,;q=,,"}), kText);
}

}  // namespace
}  // namespace sluice
