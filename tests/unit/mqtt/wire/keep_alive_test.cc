#include "server/mqtt/wire/keep_alive.h"

#include <gtest/gtest.h>

namespace sluice::wire {
namespace {

using Action = KeepAlive::Action;

TEST(KeepAliveTest, DoesNothingWhileBothSidesTalk) {
  KeepAlive keep_alive;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(keep_alive.Tick(), Action::kNone);
    keep_alive.Sent();
    keep_alive.Received();
  }
}

TEST(KeepAliveTest, PingsWhenNothingWasSent) {
  KeepAlive keep_alive;
  keep_alive.Tick();
  keep_alive.Received();
  EXPECT_EQ(keep_alive.Tick(), Action::kPing);
}

TEST(KeepAliveTest, PingsABrokerThatSaysNothing) {
  KeepAlive keep_alive;
  keep_alive.Tick();
  keep_alive.Sent();
  EXPECT_EQ(keep_alive.Tick(), Action::kPing);
}

TEST(KeepAliveTest, AnyByteAnswersAPing) {
  KeepAlive keep_alive;
  keep_alive.Tick();
  EXPECT_EQ(keep_alive.Tick(), Action::kPing);
  keep_alive.Received();
  keep_alive.Sent();
  EXPECT_EQ(keep_alive.Tick(), Action::kNone);
}

TEST(KeepAliveTest, ASilentBrokerIsGoneAfterOneAndAHalfPeriods) {
  KeepAlive keep_alive;
  // The last byte comes right before a tick.
  EXPECT_EQ(keep_alive.Tick(), Action::kNone);
  EXPECT_EQ(keep_alive.Tick(), Action::kPing);
  EXPECT_EQ(keep_alive.Tick(), Action::kGone);
  EXPECT_EQ(KeepAlive::TickPeriod(30) * 3, Millis{45'000});
}

}  // namespace
}  // namespace sluice::wire
