#include "bench/meter.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::bench {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(LatencyHistogram, FindsPercentilesToThreePercent) {
  LatencyHistogram histogram;
  for (int64_t micros = 1; micros <= 10'000; ++micros) histogram.Add(micros * 1000);
  EXPECT_NEAR(histogram.Micros(0.5), 5'000, 160);
  EXPECT_NEAR(histogram.Micros(0.99), 9'900, 310);
  EXPECT_EQ(histogram.count(), 10'000u);
}

TEST(LatencyHistogram, HoldsAnyDuration) {
  LatencyHistogram histogram;
  histogram.Add(0);
  histogram.Add(-5);
  histogram.Add(INT64_MAX);
  EXPECT_EQ(histogram.count(), 3u);
  EXPECT_EQ(histogram.Micros(0), 0);
  EXPECT_GT(histogram.Micros(1), 9e15);
}

TEST(SequenceBook, FindsLossesDuplicatesAndForeignMessages) {
  SequenceBook book;
  for (uint64_t i = 0; i < 100'000; ++i) book.Sent(i, 1000);
  EXPECT_EQ(book.Answered(7, 1500), 500);
  EXPECT_EQ(book.Answered(99'999, 1100), 100);
  EXPECT_EQ(book.Answered(7, 1600), std::nullopt);
  EXPECT_EQ(book.Answered(100'000, 1600), std::nullopt);
  EXPECT_EQ(book.Answered(UINT64_MAX, 1600), std::nullopt);
  EXPECT_EQ(book.lost(), 99'998u);
  EXPECT_EQ(book.duplicates(), 1u);
  EXPECT_EQ(book.foreign(), 2u);
}

TEST(SequenceBook, ReadsTheNumberItWrote) {
  std::string payload(SequenceBook::kTextSize + 3, 'x');
  SequenceBook::Write(0xfedcba9876543210, payload.data());
  EXPECT_EQ(SequenceBook::Read(payload), 0xfedcba9876543210);
  EXPECT_EQ(SequenceBook::Read("short"), std::nullopt);
  EXPECT_EQ(SequenceBook::Read("not hexadecimal!"), std::nullopt);
}

TEST(SteadyRun, MeasuresBetweenWarmUpAndEnd) {
  SteadyRun run({.warmup_s = 1, .steady_s = 2, .drain_s = 1, .count = 0});
  EXPECT_FALSE(run.MaySend(0));
  run.Start(kSecond);
  EXPECT_TRUE(run.MaySend(0));
  run.Advance(2 * kSecond, 110, 100);
  EXPECT_TRUE(run.steady());
  run.Advance(4 * kSecond, 510, 500);
  EXPECT_EQ(run.phase(), SteadyRun::Phase::kDraining);
  EXPECT_FALSE(run.MaySend(510));
  EXPECT_EQ(run.SteadyAnswered(), 400u);
  EXPECT_DOUBLE_EQ(run.SteadySeconds(), 2);
  run.Advance(4 * kSecond + 1, 510, 510);
  EXPECT_EQ(run.phase(), SteadyRun::Phase::kDone);
}

TEST(SteadyRun, GivesUpOnAnswersThatDoNotCome) {
  SteadyRun run({.warmup_s = 1, .steady_s = 1, .drain_s = 1, .count = 0});
  run.Start(0);
  run.Advance(kSecond, 10, 9);
  run.Advance(2 * kSecond, 10, 9);
  run.Advance(3 * kSecond - 1, 10, 9);
  EXPECT_EQ(run.phase(), SteadyRun::Phase::kDraining);
  run.Advance(3 * kSecond, 10, 9);
  EXPECT_EQ(run.phase(), SteadyRun::Phase::kDone);
}

TEST(SteadyRun, SendsExactlyTheCountAndMeasuresItsMiddle) {
  SteadyRun run({.warmup_s = 100, .steady_s = 100, .drain_s = 100, .count = 1000});
  run.Start(0);
  run.Advance(kSecond, 400, 200);
  EXPECT_TRUE(run.steady());
  run.Advance(2 * kSecond, 950, 900);
  EXPECT_EQ(run.SteadyAnswered(), 700u);
  EXPECT_TRUE(run.MaySend(950)) << "the rest is sent, unmeasured";
  EXPECT_FALSE(run.MaySend(1000));
  run.Advance(3 * kSecond, 1000, 1000);
  EXPECT_EQ(run.phase(), SteadyRun::Phase::kDone);
}

}  // namespace
}  // namespace sluice::bench
