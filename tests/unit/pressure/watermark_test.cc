#include "server/runtime/watermark.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(WatermarkTest, IsFullFromTheHighMarkOfEitherBoundOn) {
  const Watermark mark({.messages = 100, .bytes = 1'000}, 90, 75);
  EXPECT_FALSE(mark.IsFull({.messages = 89, .bytes = 899}, false));
  EXPECT_TRUE(mark.IsFull({.messages = 90, .bytes = 0}, false));
  EXPECT_TRUE(mark.IsFull({.messages = 0, .bytes = 900}, false));
}

TEST(WatermarkTest, StaysFullUntilBothAreAtTheLowMark) {
  const Watermark mark({.messages = 100, .bytes = 1'000}, 90, 75);
  EXPECT_TRUE(mark.IsFull({.messages = 76, .bytes = 0}, true));
  EXPECT_TRUE(mark.IsFull({.messages = 75, .bytes = 751}, true));
  EXPECT_FALSE(mark.IsFull({.messages = 75, .bytes = 750}, true));
}

TEST(WatermarkTest, HasNoBoundWhereItIsZero) {
  const Watermark mark({.messages = 0, .bytes = 10}, 90, 75);
  EXPECT_FALSE(mark.IsFull({.messages = 1'000'000'000'000, .bytes = 8}, false));
  EXPECT_TRUE(mark.IsFull({.messages = 0, .bytes = 9}, false));
  EXPECT_TRUE(mark.IsFull({.messages = 0, .bytes = 8}, true)) << "more than 75 percent";
  EXPECT_FALSE(mark.IsFull({.messages = 1'000'000'000'000, .bytes = 7}, true));
}

TEST(WatermarkTest, HoldsForTheSmallestAndTheLargestBounds) {
  const Watermark smallest({.messages = 1, .bytes = 0}, 90, 75);
  EXPECT_FALSE(smallest.IsFull({}, false));
  EXPECT_TRUE(smallest.IsFull({.messages = 1, .bytes = 0}, false));
  EXPECT_TRUE(smallest.IsFull({.messages = 1, .bytes = 0}, true));
  EXPECT_FALSE(smallest.IsFull({}, true));
  const Watermark largest({.messages = UINT64_MAX - 1, .bytes = 0}, 90, 75);
  EXPECT_FALSE(largest.IsFull({.messages = UINT64_MAX / 100 * 89, .bytes = 0}, false));
  EXPECT_TRUE(largest.IsFull({.messages = UINT64_MAX / 100 * 91, .bytes = 0}, false));
}

}  // namespace
}  // namespace sluice
