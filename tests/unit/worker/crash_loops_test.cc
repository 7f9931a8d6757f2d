#include "server/worker/crash_loops.h"

#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

class CrashLoopsTest : public testing::Test {
 protected:
  size_t Lose(std::string_view worker, Millis after = Millis(1'000)) { return loops_.OnLost(worker, after); }

  ManualClock clock_;
  MetricsRegistry metrics_;
  CrashLoops loops_{clock_, metrics_};
};

TEST_F(CrashLoopsTest, TheThirdEarlyLossIsALoopWhateverTheInstance) {
  EXPECT_EQ(Lose("press/host-1"), 0u);
  EXPECT_EQ(Lose("press/host-2"), 0u);
  EXPECT_EQ(Lose("other/host-9"), 0u);
  EXPECT_EQ(Lose("press/host-3"), 3u);
  EXPECT_EQ(metrics_.GetCounter("sluice_worker_streams_lost_early_total", "").value(), 4u);
}

TEST_F(CrashLoopsTest, ALoopThatGoesOnIsToldNowAndThen) {
  for (int i = 0; i < 3; ++i) Lose("press");
  EXPECT_EQ(Lose("press"), 0u);
  clock_.Advance(CrashLoops::kTellAgain);
  EXPECT_EQ(Lose("press"), 5u);
}

TEST_F(CrashLoopsTest, LateAndRareLossesAreNoLoop) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Lose("press", CrashLoops::kEarly), 0u);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Lose("press"), 0u);
    clock_.Advance(CrashLoops::kWithin / 2 + Millis(1));
  }
}

TEST_F(CrashLoopsTest, ForgetsTheOldestOfTooManyNames) {
  for (int i = 0; i < 2; ++i) Lose("first");
  for (size_t i = 0; i < CrashLoops::kMostWorkers; ++i) {
    clock_.Advance(Millis(1));
    Lose("name" + std::to_string(i));
  }
  EXPECT_EQ(Lose("first"), 0u) << "the two before are forgotten";
}

}  // namespace
}  // namespace sluice
