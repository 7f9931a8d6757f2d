#include "server/tap/trace_sample.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr Millis kSecond{1'000};

class TraceSampleTest : public testing::Test {
 protected:
  void SecondWith(uint64_t steps) {
    now_ += kSecond;
    sample_.Adapt(steps, now_);
  }
  // Ids count up from here.
  double ShareKept() const {
    int kept = 0;
    for (uint64_t i = 0; i < 100'000; ++i) kept += TraceSample::Keeps({9, (uint64_t{77} << 40) + i}, sample_.level());
    return kept / 100'000.0;
  }

  SteadyTime now_ = SteadyTime{} + Millis(5'000);
  TraceSample sample_{now_, 1'000};
};

TEST_F(TraceSampleTest, KeepsAllUpToTheBound) {
  SecondWith(1'000);
  EXPECT_EQ(sample_.one_in(), 1u);
  EXPECT_EQ(ShareKept(), 1.0);
}

TEST_F(TraceSampleTest, HalvesUntilTheBoundHolds) {
  SecondWith(1'001);
  EXPECT_EQ(sample_.one_in(), 2u);
  SecondWith(100'000);
  EXPECT_EQ(sample_.one_in(), 128u);
  EXPECT_NEAR(ShareKept(), 1.0 / 128, 0.001);
}

TEST_F(TraceSampleTest, ALongerIntervalIsCountedBySecond) {
  now_ += 10 * kSecond;
  sample_.Adapt(10'000, now_);
  EXPECT_EQ(sample_.one_in(), 1u);
  sample_.Adapt(1'000'000, now_);  // No time has gone by: nothing can be said.
  EXPECT_EQ(sample_.one_in(), 1u);
}

TEST_F(TraceSampleTest, DoesNotSwingAtTheBound) {
  SecondWith(1'001);
  SecondWith(999);
  EXPECT_EQ(sample_.one_in(), 2u);
  SecondWith(800);
  EXPECT_EQ(sample_.one_in(), 1u);
}

TEST_F(TraceSampleTest, WhatIsKeptOfFewerIsKeptOfMoreToo) {
  for (uint64_t i = 0; i < 10'000; ++i) {
    for (unsigned level = 1; level <= TraceSample::kMostLevel; ++level) {
      ASSERT_TRUE(!TraceSample::Keeps({1, i}, level) || TraceSample::Keeps({1, i}, level - 1));
    }
  }
}

TEST_F(TraceSampleTest, TheFewestIsOneInAMillion) {
  SecondWith(UINT64_MAX / 2);
  EXPECT_EQ(sample_.one_in(), 1u << TraceSample::kMostLevel);
  EXPECT_TRUE(TraceSample::Keeps({}, sample_.level())) << "the id of zero is at the highest level";
}

TEST_F(TraceSampleTest, ZeroIsNoBound) {
  sample_.SetMost(0);
  SecondWith(1'000'000'000);
  EXPECT_EQ(sample_.one_in(), 1u);
}

TEST_F(TraceSampleTest, TellsUntilWhenAMessageWasLeftOut) {
  MessageId kept{}, left_out{1, 1};
  while (TraceSample::Keeps(left_out, 1)) ++left_out.low;
  EXPECT_EQ(sample_.left_out_until(left_out, now_), SteadyTime{});
  SecondWith(2'000);
  now_ += kSecond / 2;
  EXPECT_EQ(sample_.left_out_until(left_out, now_), now_) << "it still is";
  EXPECT_EQ(sample_.left_out_until(kept, now_), SteadyTime{});
  now_ += kSecond / 2;
  sample_.Adapt(0, now_);
  EXPECT_EQ(sample_.left_out_until(left_out, now_ + kSecond), now_);
}

}  // namespace
}  // namespace sluice
