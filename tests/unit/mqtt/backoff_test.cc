#include "server/mqtt/backoff.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Backoff, DoublesUpToTheMaximum) {
  Backoff backoff(Millis{100}, Millis{1'000}, 1);
  for (int64_t step : {100, 200, 400, 800, 1'000, 1'000}) {
    Millis delay = backoff.Next();
    EXPECT_GE(delay.count(), step / 2);
    EXPECT_LE(delay.count(), step);
  }
}

TEST(Backoff, StartsOverAfterReset) {
  Backoff backoff(Millis{100}, Millis{1'000}, 1);
  for (int i = 0; i < 10; ++i) backoff.Next();
  backoff.Reset();
  EXPECT_LE(backoff.Next(), Millis{100});
}

TEST(Backoff, SpreadsClientsOut) {
  Backoff one(Millis{10'000}, Millis{10'000}, 1);
  Backoff other(Millis{10'000}, Millis{10'000}, 2);
  EXPECT_NE(one.Next(), other.Next());
}

TEST(Backoff, NeverExceedsAMaximumBelowItsStart) {
  Backoff backoff(Millis{500}, Millis{20}, 7);
  for (int i = 0; i < 20; ++i) EXPECT_LE(backoff.Next(), Millis{20});
}

TEST(Backoff, WaitsAtLeastAsLongAsAskedButNoLongerThanTheMaximum) {
  Backoff backoff(Millis{100}, Millis{5'000}, 7);
  EXPECT_EQ(backoff.Next(Millis{2'000}), Millis{2'000});
  EXPECT_EQ(backoff.Next(Millis{10'000}), Millis{5'000});
}

TEST(Backoff, NeverSpins) {
  Backoff backoff(Millis{0}, Millis{0}, 7);
  EXPECT_GE(backoff.Next(), Millis{1});
}

}  // namespace
}  // namespace sluice
