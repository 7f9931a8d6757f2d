#include "server/telemetry/log_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/telemetry/log.h"
#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

using testing::HasSubstr;

class LogLimitTest : public testing::Test {
 protected:
  LogLimitTest() { log::Configure(log::Level::kInfo, log::Format::kJson); }
  ~LogLimitTest() override { log::Configure(log::Level::kInfo, log::Format::kAuto); }

  int Admitted(int asked, const char* cause = "invalid") {
    int admitted = 0;
    for (int i = 0; i < asked; ++i) admitted += limit_.Admit("stream refused", cause) ? 1 : 0;
    return admitted;
  }

  ManualClock clock_;
  log::Limiter limit_{clock_, {.burst = 3, .interval = Millis(100)}};
};

TEST_F(LogLimitTest, LetsABurstPassAndThenOneAnInterval) {
  EXPECT_EQ(Admitted(10), 3);
  clock_.Advance(Millis(99));
  EXPECT_EQ(Admitted(10), 0);
  clock_.Advance(Millis(1));
  EXPECT_EQ(Admitted(10), 1);
  clock_.Advance(Millis(200));
  EXPECT_EQ(Admitted(10), 2);
  clock_.Advance(Millis(60'000));
  EXPECT_EQ(Admitted(10), 3) << "a pause does not save up more than a burst";
}

TEST_F(LogLimitTest, HoldsALoopToTheRateHoweverFastItIs) {
  int admitted = 0;
  for (int i = 0; i < 10'000; ++i) {
    admitted += Admitted(1);
    clock_.Advance(Millis(1));
  }
  EXPECT_EQ(admitted, 3 + 99) << "ten seconds";
}

TEST_F(LogLimitTest, AFrequentCauseDoesNotHideARareOne) {
  Admitted(1'000, "invalid");
  EXPECT_EQ(Admitted(1, "silent"), 1);
}

TEST_F(LogLimitTest, SaysOnceHowManyLinesWereLeftOut) {
  Admitted(10);
  clock_.Advance(Millis(1'000));
  testing::internal::CaptureStderr();
  Admitted(1);
  const std::string lines = testing::internal::GetCapturedStderr();
  EXPECT_THAT(lines, HasSubstr("log lines left out"));
  EXPECT_THAT(lines, HasSubstr("stream refused"));
  EXPECT_THAT(lines, HasSubstr("\"lines\":7"));
  testing::internal::CaptureStderr();
  Admitted(1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace sluice
