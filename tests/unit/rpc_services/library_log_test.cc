#include "server/rpc/library_log.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "server/telemetry/log.h"
#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

class LibraryLogTest : public testing::Test {
 protected:
  void SetUp() override {
    log::Configure(log::Level::kInfo, log::Format::kJson);
    CaptureLibraryLogs(clock);
    AddLibraryLogMetrics(metrics_);
    CaptureStderr();
  }
  void TearDown() override { log::Configure(log::Level::kInfo, log::Format::kAuto); }

  double Lines() {
    double value = -1;
    metrics_.Visit([&](const std::string& name, const MetricsRegistry::Family& family) {
      if (name == "sluice_library_log_lines_total") value = family.series.front().read();
    });
    return value;
  }

  // The process' log function keeps it.
  static inline ManualClock clock;
  MetricsRegistry metrics_;
};

TEST_F(LibraryLogTest, AThousandComplaintsAreAFewWarningsAndAThousandInTheMetric) {
  const double before = Lines();
  for (int i = 0; i < 1'000; ++i) GOOGLE_LOG(ERROR) << "String field holds no UTF-8";
  const std::string said = GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(said, '\n'), 10);
  EXPECT_THAT(said, AllOf(HasSubstr(R"("level":"warning","event":"protobuf","says":"String field holds no UTF-8")"),
                          HasSubstr("library_log_test.cc:"), Not(HasSubstr("libprotobuf"))));
  EXPECT_EQ(Lines() - before, 1'000);
}

}  // namespace
}  // namespace sluice
