#include "client/cpp/src/auto_window.h"

#include <gtest/gtest.h>

#include "client/cpp/src/handler_time.h"

namespace sluice::client {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(AutoWindowTest, HoldsNothingBackForHandlersThatAreLongOrNotKnown) {
  EXPECT_EQ(AutoWindow::For(8, nanoseconds(0), 1), 8U);
  EXPECT_EQ(AutoWindow::For(8, seconds(10), 1), 8U);
  EXPECT_EQ(AutoWindow::For(8, milliseconds(101), 1), 8U);
}

TEST(AutoWindowTest, HoldsWhatHandlersGetThroughInATenthOfASecond) {
  EXPECT_EQ(AutoWindow::For(8, milliseconds(100), 1), 16U);
  EXPECT_EQ(AutoWindow::For(8, milliseconds(1), 1), 808U);
  EXPECT_EQ(AutoWindow::For(8, microseconds(3), 1), 1'000U);
  EXPECT_EQ(AutoWindow::For(1, nanoseconds(1), 1), 1'000U);
}

TEST(AutoWindowTest, SharesItAmongStreams) {
  EXPECT_EQ(AutoWindow::For(8, seconds(1), 3), 3U);
  EXPECT_EQ(AutoWindow::For(2, seconds(1), 5), 1U);
  EXPECT_EQ(AutoWindow::For(8, seconds(1), 0), 8U);
}

TEST(AutoWindowTest, SmallChangesAreNotTold) {
  EXPECT_FALSE(AutoWindow::WorthTelling(100, 100));
  EXPECT_FALSE(AutoWindow::WorthTelling(100, 120));
  EXPECT_TRUE(AutoWindow::WorthTelling(100, 125));
  EXPECT_TRUE(AutoWindow::WorthTelling(100, 70));
  EXPECT_TRUE(AutoWindow::WorthTelling(3, 2));
}

TEST(HandlerTimeTest, FollowsWhatMessagesTakeLately) {
  HandlerTime time;
  time.Add(-1);
  EXPECT_EQ(time.Get(), nanoseconds(0)) << "not known";
  time.Add(0);
  EXPECT_GT(time.Get(), nanoseconds(0));
  for (int i = 0; i < 40; ++i) time.Add(1'000'000);
  EXPECT_NEAR(static_cast<double>(time.Get().count()), 1e6, 1e4);
}

}  // namespace
}  // namespace sluice::client
