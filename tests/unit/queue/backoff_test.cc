#include "server/queue/backoff.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice {
namespace {

ChainOptions Options(Millis backoff, Millis most) {
  ChainOptions options;
  options.retry_backoff = backoff;
  options.max_retry_backoff = most;
  return options;
}

TEST(RetryBackoff, DoublesWithEachAttemptWithinAQuarter) {
  RetryBackoff backoff(1);
  const ChainOptions options = Options(Millis(1'000), Millis(1'000'000));
  for (uint32_t attempts = 1; attempts <= 8; ++attempts) {
    const int64_t middle = 1'000 << (attempts - 1);
    for (int i = 0; i < 100; ++i) {
      const int64_t pause = backoff.Pause(options, attempts).count();
      EXPECT_GE(pause, middle * 3 / 4);
      EXPECT_LE(pause, middle * 5 / 4);
    }
  }
}

TEST(RetryBackoff, SpreadsWhatFailedTogether) {
  RetryBackoff backoff(1);
  std::set<int64_t> pauses;
  for (int i = 0; i < 100; ++i) pauses.insert(backoff.Pause(Options(Millis(1'000), Millis(60'000)), 1).count());
  EXPECT_GT(pauses.size(), 50u);
}

TEST(RetryBackoff, IsNeverLongerThanTheLongest) {
  RetryBackoff backoff(1);
  const ChainOptions options = Options(Millis(1'000), Millis(60'000));
  for (uint32_t attempts : {7u, 100u, ~0u}) {
    for (int i = 0; i < 100; ++i) EXPECT_LE(backoff.Pause(options, attempts), Millis(60'000));
  }
}

TEST(RetryBackoff, EqualSeedsGiveEqualPauses) {
  RetryBackoff a(5);
  RetryBackoff b(5);
  const ChainOptions options = Options(Millis(1'000), Millis(60'000));
  for (uint32_t i = 1; i < 10; ++i) EXPECT_EQ(a.Pause(options, i), b.Pause(options, i));
}

TEST(RetryBackoff, OfZeroIsNone) {
  RetryBackoff backoff(1);
  EXPECT_EQ(backoff.Pause(Options(Millis(0), Millis(60'000)), 3), Millis(0));
}

}  // namespace
}  // namespace sluice
