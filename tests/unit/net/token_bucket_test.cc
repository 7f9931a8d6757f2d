#include "server/net/token_bucket.h"

#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

int TakeAll(TokenBucket& bucket, SteadyTime now) {
  int taken = 0;
  while (taken < 1'000 && bucket.Take(now)) ++taken;
  return taken;
}

TEST(TokenBucket, GivesABurstThenItsRate) {
  ManualClock clock;
  TokenBucket bucket(10, 20);
  EXPECT_EQ(TakeAll(bucket, clock.Now()), 20);
  clock.Advance(Millis(99));
  EXPECT_FALSE(bucket.Take(clock.Now()));
  clock.Advance(Millis(1));
  EXPECT_EQ(TakeAll(bucket, clock.Now()), 1);
  clock.Advance(Millis(1'000));
  EXPECT_EQ(TakeAll(bucket, clock.Now()), 10);
}

TEST(TokenBucket, SaysWhenTheNextOneIsThere) {
  ManualClock clock;
  TokenBucket bucket(10, 1);
  ASSERT_TRUE(bucket.Take(clock.Now()));
  EXPECT_EQ(bucket.Next(), clock.Now() + Millis(100));
}

TEST(TokenBucket, HoldsNoMoreThanItsBurst) {
  ManualClock clock;
  TokenBucket bucket(10, 20);
  TakeAll(bucket, clock.Now());
  clock.Advance(Millis(3'600'000));
  EXPECT_TRUE(bucket.Full(clock.Now()));
  EXPECT_EQ(TakeAll(bucket, clock.Now()), 20);
}

TEST(TokenBucket, ZeroIsNoLimit) {
  TokenBucket bucket(0, 0);
  EXPECT_EQ(TakeAll(bucket, ManualClock().Now()), 1'000);
}

}  // namespace
}  // namespace sluice
