#include "server/mqtt/subscription_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SubscriptionSetTest : public testing::Test {
 protected:
  std::vector<size_t> Due() {
    std::vector<size_t> due;
    next_ = set_.TakeDue(due);
    return due;
  }
  std::vector<size_t> Leave() {
    std::vector<size_t> leave;
    set_.LeaveShared(leave);
    return leave;
  }
  void UpAndGranted() {
    set_.OnUp(/*session_present=*/false);
    for (size_t index : Due()) set_.Answered(index, 1);
  }

  ManualClock clock_;
  MetricsRegistry metrics_;
  MqttOptions options_{.name = "plant", .connect_timeout = Millis{5'000}};
  SubscriptionSet set_{
      {{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1}, {.filter = "$share/g/b", .qos = Qos::kAtLeastOnce, .id = 2}},
      options_,
      clock_,
      metrics_};
  SteadyTime next_;
};

TEST_F(SubscriptionSetTest, AsksForAllOfThemOnce) {
  set_.OnUp(false);
  EXPECT_THAT(Due(), ElementsAre(0, 1));
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_EQ(set_.Detail(), "subscribing to 'a'");
  set_.Answered(0, 1);
  set_.Answered(1, 1);
  EXPECT_EQ(set_.Detail(), "");
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_EQ(next_, kNever);
}

TEST_F(SubscriptionSetTest, AsksInAnyCaseTheFirstTimeBecauseAnOlderProcessMayHaveAskedForOthers) {
  set_.OnUp(/*session_present=*/true);
  EXPECT_THAT(Due(), ElementsAre(0, 1));
}

TEST_F(SubscriptionSetTest, KeepsWhatASessionHas) {
  UpAndGranted();
  set_.OnDown();
  set_.OnUp(/*session_present=*/true);
  EXPECT_THAT(Due(), IsEmpty());
  set_.OnDown();
  set_.OnUp(/*session_present=*/false);
  EXPECT_THAT(Due(), ElementsAre(0, 1));
}

TEST_F(SubscriptionSetTest, AsksAgainForWhatWasNotAnsweredWhenTheConnectionBroke) {
  set_.OnUp(false);
  Due();
  set_.Answered(0, 1);
  set_.OnDown();
  set_.OnUp(/*session_present=*/true);
  EXPECT_THAT(Due(), ElementsAre(1));
}

TEST_F(SubscriptionSetTest, AsksLaterForWhatIsRefusedAndSaysWhy) {
  set_.OnUp(false);
  Due();
  set_.Answered(0, 1);
  set_.Answered(1, 0x87);
  EXPECT_THAT(set_.Detail(), testing::StartsWith("subscription '$share/g/b' refused: 0x87 not authorized"));
  EXPECT_THAT(Due(), IsEmpty());
  ASSERT_GT(next_, clock_.Now());
  clock_.Advance(std::chrono::ceil<Millis>(next_ - clock_.Now()));
  EXPECT_THAT(Due(), ElementsAre(1));
  set_.Answered(1, 1);
  EXPECT_EQ(set_.Detail(), "");
}

TEST_F(SubscriptionSetTest, FindsABrokerThatDoesNotAnswer) {
  set_.OnUp(false);
  Due();
  clock_.Advance(options_.connect_timeout);
  EXPECT_FALSE(set_.unresponsive());
  Due();
  EXPECT_TRUE(set_.unresponsive());
  set_.OnDown();
  set_.OnUp(false);
  EXPECT_FALSE(set_.unresponsive());
}

TEST_F(SubscriptionSetTest, LeavesTheSharedOnesForGood) {
  UpAndGranted();
  EXPECT_FALSE(set_.left_shared());
  EXPECT_THAT(Leave(), ElementsAre(1));
  EXPECT_THAT(Leave(), IsEmpty());
  EXPECT_FALSE(set_.left_shared());
  set_.Left(1);
  EXPECT_TRUE(set_.left_shared());
  EXPECT_EQ(set_.Detail(), "shared subscriptions left");
  set_.OnDown();
  set_.OnUp(false);
  EXPECT_THAT(Due(), ElementsAre(0));
}

TEST_F(SubscriptionSetTest, HasLeftWhenTheConnectionBreaks) {
  UpAndGranted();
  Leave();
  set_.OnDown();
  EXPECT_TRUE(set_.left_shared());
}

TEST_F(SubscriptionSetTest, TriesAgainWhatCouldNotBeSent) {
  set_.OnUp(false);
  Due();
  set_.Failed(0);
  EXPECT_THAT(Due(), IsEmpty());
  clock_.Advance(Millis{1'000});
  EXPECT_THAT(Due(), ElementsAre(0));
}

}  // namespace
}  // namespace sluice
