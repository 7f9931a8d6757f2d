#include "server/mqtt/subscription_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "server/mqtt/intake_handle.h"
#include "tests/unit/mqtt/subscription_set_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

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

TEST_F(SubscriptionSetTest, IsNotReadyFromTheMomentThatOthersAreAskedFor) {
  UpAndGranted();
  SubscriptionNews news;
  news.Tell(set_);
  ConnectionState state;
  news.Show(state);
  EXPECT_TRUE(state.ready);
  news.Expect();
  news.Tell(set_);  // Of something else, before the driver's thread has heard of it.
  news.Show(state);
  EXPECT_FALSE(state.ready);
  EXPECT_EQ(state.detail, "its subscriptions change");
  news.TakenUp();
  news.Show(state);
  EXPECT_TRUE(state.ready);
}

TEST_F(SubscriptionSetTest, AsksInAnyCaseTheFirstTimeBecauseAnOlderProcessMayHaveAskedForOthers) {
  set_.OnUp(/*session_present=*/true);
  EXPECT_THAT(Due(), ElementsAre(0, 1));
}

TEST_F(SubscriptionSetTest, KeepsWhatASessionHas) {
  UpAndGranted();
  set_.OnDown();
  set_.OnUp(/*session_present=*/true);
  EXPECT_THAT(Due(), ElementsAre(1)) << "what is shared a broker may have forgotten";
  set_.Answered(1, 1);
  set_.OnDown();
  set_.OnUp(/*session_present=*/false);
  EXPECT_THAT(Due(), ElementsAre(0, 1));
}

// mosquitto 2.0.11 restarts with its sessions, but without their shared subscriptions.
TEST_F(SubscriptionSetTest, IsNotReadyBeforeWhatIsSharedIsGrantedAgain) {
  UpAndGranted();
  set_.OnDown();
  set_.OnUp(/*session_present=*/true);
  EXPECT_FALSE(set_.ready());
  EXPECT_EQ(set_.Detail(), "subscribing to '$share/g/b'");
  for (size_t index : Due()) set_.Answered(index, 1);
  EXPECT_TRUE(set_.ready());
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
  set_.LeaveShared();
  EXPECT_THAT(Leave(), ElementsAre(1));
  EXPECT_THAT(Leave(), IsEmpty());
  EXPECT_FALSE(set_.left_shared());
  set_.Left(1);
  EXPECT_TRUE(set_.left_shared());
  EXPECT_FALSE(set_.ready());
  EXPECT_EQ(set_.Detail(), "shared subscriptions left");
  StayOut({});
  set_.OnDown();
  set_.OnUp(false);
  EXPECT_THAT(Due(), ElementsAre(0));
}

TEST_F(SubscriptionSetTest, HasLeftWhenTheConnectionBreaks) {
  UpAndGranted();
  set_.LeaveShared();
  Leave();
  EXPECT_FALSE(set_.left_shared());
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

TEST_F(SubscriptionSetTest, StaysOutUntilItIsToComeBack) {
  UpAndGranted();
  StayOut({1});
  StayOut({1});
  EXPECT_THAT(Leave(), ElementsAre(1));
  set_.Left(1);
  EXPECT_THAT(Leave(), IsEmpty());
  EXPECT_TRUE(set_.ready());
  EXPECT_EQ(set_.Detail(), "left to others: '$share/g/b'");
  StayOut({});
  EXPECT_FALSE(set_.ready());
  EXPECT_THAT(Due(), ElementsAre(1));
  set_.Answered(1, 1);
  EXPECT_TRUE(set_.ready());
  EXPECT_EQ(set_.Detail(), "");
}

TEST_F(SubscriptionSetTest, NeverStaysOutOfPrivateSubscriptions) {
  UpAndGranted();
  StayOut({0, 7});
  EXPECT_THAT(Leave(), IsEmpty());
  EXPECT_EQ(set_.Detail(), "");
}

TEST_F(SubscriptionSetTest, StaysOutOverReconnects) {
  UpAndGranted();
  StayOut({1});
  EXPECT_THAT(Leave(), ElementsAre(1));
  set_.Left(1);
  for (const bool session_present : {true, false}) {
    set_.OnDown();
    set_.OnUp(session_present);
    const Requests requests = Take();
    EXPECT_THAT(requests.leave, IsEmpty());
    EXPECT_EQ(requests.ask.empty(), session_present) << "the private one is asked for in a new session";
    for (size_t index : requests.ask) set_.Answered(index, 1);
  }
}

// The broker's session may have it: of an older process, or because the answer was lost.
TEST_F(SubscriptionSetTest, LeavesWhatASessionMayStillHave) {
  StayOut({1});
  set_.OnUp(/*session_present=*/true);
  Requests requests = Take();
  EXPECT_THAT(requests.ask, ElementsAre(0));
  EXPECT_THAT(requests.leave, ElementsAre(1));
  set_.Answered(0, 1);
  set_.OnDown();
  set_.OnUp(/*session_present=*/true);
  EXPECT_THAT(Leave(), ElementsAre(1));
}

TEST_F(SubscriptionSetTest, HasOneRequestOfASubscriptionUnderWayAtATime) {
  set_.OnUp(false);
  EXPECT_THAT(Due(), ElementsAre(0, 1));
  StayOut({1});
  EXPECT_THAT(Leave(), IsEmpty());
  set_.Answered(1, 1);
  EXPECT_THAT(Leave(), ElementsAre(1));
  StayOut({});
  EXPECT_THAT(Due(), IsEmpty());
  set_.Left(1);
  EXPECT_THAT(Due(), ElementsAre(1));
}

TEST_F(SubscriptionSetTest, KnowsWhoseRetainedMessagesHaveCome) {
  UpAndGranted();
  EXPECT_FALSE(set_.HadRetained(1));
  StayOut({1});
  Leave();
  set_.Left(1);
  StayOut({});
  EXPECT_TRUE(set_.HadRetained(1));
  EXPECT_FALSE(set_.HadRetained(0));
}

TEST_F(SubscriptionSetTest, FindsABrokerThatDoesNotAnswerToUnsubscribeUnlessNobodyListens) {
  UpAndGranted();
  StayOut({1});
  EXPECT_THAT(Leave(), ElementsAre(1));
  clock_.Advance(options_.connect_timeout);
  set_.CannotHear();
  Take();
  EXPECT_FALSE(set_.unresponsive());
  clock_.Advance(options_.connect_timeout);
  Take();
  EXPECT_TRUE(set_.unresponsive());
}

TEST_F(SubscriptionSetTest, TriesAgainToLeaveWhatCouldNotBeLeft) {
  UpAndGranted();
  StayOut({1});
  EXPECT_THAT(Leave(), ElementsAre(1));
  set_.Failed(1);
  EXPECT_THAT(Leave(), IsEmpty());
  clock_.Advance(Millis{1'000});
  EXPECT_THAT(Leave(), ElementsAre(1));
}

// ---- of earlier configurations

class RemainderTest : public SubscriptionSetTest {
 protected:
  static constexpr size_t kRemainder = 2;
  Requests TakeFrom(SubscriptionSet& set) {
    Requests requests;
    next_ = set.TakeDue(requests.ask, requests.leave);
    return requests;
  }
  SubscriptionSet with_{{{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1},
                         {.filter = "$share/g/b", .qos = Qos::kAtLeastOnce, .id = 2},
                         {.filter = "$share/g/old", .remainder = true}},
                        options_,
                        clock_,
                        metrics_};
};

TEST_F(RemainderTest, IsLeftWithTheFirstConnectionAndNotReadyBefore) {
  with_.OnUp(/*session_kept=*/true);
  Requests requests = TakeFrom(with_);
  EXPECT_THAT(requests.ask, ElementsAre(0, 1));
  EXPECT_THAT(requests.leave, ElementsAre(kRemainder));
  with_.Answered(0, 1);
  with_.Answered(1, 1);
  EXPECT_FALSE(with_.ready());
  EXPECT_EQ(with_.Detail(), "unsubscribing from '$share/g/old' of an earlier configuration");
  EXPECT_TRUE(with_.Left(kRemainder));
  EXPECT_TRUE(with_.ready());
  EXPECT_EQ(with_.Detail(), "");
  with_.OnDown();
  with_.OnUp(/*session_kept=*/true);
  EXPECT_THAT(TakeFrom(with_).leave, IsEmpty());
}

TEST_F(RemainderTest, IsLeftInASessionThatIsNotKnownToBeOurs) {
  with_.OnUp(/*session_kept=*/false, /*session_present=*/true);
  EXPECT_THAT(TakeFrom(with_).leave, ElementsAre(kRemainder));
}

TEST_F(RemainderTest, IsGoneWithTheSession) {
  with_.OnUp(/*session_kept=*/false);
  EXPECT_THAT(TakeFrom(with_).leave, IsEmpty());
  with_.OnDown();
  with_.OnUp(/*session_kept=*/true);
  EXPECT_THAT(TakeFrom(with_).leave, IsEmpty());
}

TEST_F(RemainderTest, IsLeftAgainWhenTheAnswerWasLost) {
  with_.OnUp(true);
  EXPECT_THAT(TakeFrom(with_).leave, ElementsAre(kRemainder));
  with_.OnDown();
  with_.OnUp(true);
  EXPECT_THAT(TakeFrom(with_).leave, ElementsAre(kRemainder));
}

TEST_F(RemainderTest, ThatABrokerDoesNotLetGoOfIsToldAndTriedAgain) {
  with_.OnUp(true);
  for (size_t index : TakeFrom(with_).ask) with_.Answered(index, 1);
  EXPECT_FALSE(with_.Left(kRemainder, 0x87));
  EXPECT_THAT(with_.Detail(), testing::StartsWith("'$share/g/old' of an earlier configuration cannot be left: 0x87"));
  EXPECT_TRUE(with_.ready()) << "what comes for it is no worker's, and nothing else suffers";
  EXPECT_THAT(TakeFrom(with_).leave, IsEmpty());
  ASSERT_GT(next_, clock_.Now());
  clock_.Advance(std::chrono::ceil<Millis>(next_ - clock_.Now()));
  EXPECT_THAT(TakeFrom(with_).leave, ElementsAre(kRemainder));
}

TEST_F(RemainderTest, IsNeverSubscribedTo) {
  const std::vector<size_t> out{1, kRemainder};
  with_.StayOut(out);
  with_.OnUp(true);
  for (size_t index : TakeFrom(with_).leave) with_.Left(index);
  with_.StayOut({});
  Requests requests = TakeFrom(with_);
  EXPECT_THAT(requests.ask, testing::Not(testing::Contains(kRemainder)));
}

// An answer that nobody can tell to what: the broker is there, and to break the connection off would bring the same.
TEST_F(RemainderTest, WhatIsNotAnsweredWhileAnAnswerWentAstrayIsAskedAgainLater) {
  with_.OnUp(true);
  const Requests requests = TakeFrom(with_);
  ASSERT_THAT(requests.ask, ElementsAre(0, 1));
  ASSERT_THAT(requests.leave, ElementsAre(kRemainder));
  with_.AnswerAstray();
  clock_.Advance(options_.connect_timeout);
  const Requests none = TakeFrom(with_);
  EXPECT_THAT(none.ask, IsEmpty()) << "not at once";
  EXPECT_THAT(none.leave, IsEmpty());
  EXPECT_FALSE(with_.unresponsive());
  EXPECT_FALSE(with_.Pending(0));
  EXPECT_EQ(with_.Detail(), "subscription 'a' refused: the broker's answer cannot be understood");
  clock_.Advance(Millis{2'000});
  const Requests again = TakeFrom(with_);
  EXPECT_THAT(again.ask, ElementsAre(0, 1));
  EXPECT_THAT(again.leave, ElementsAre(kRemainder));
  // Of this connection only.
  with_.OnDown();
  with_.OnUp(true);
  TakeFrom(with_);
  clock_.Advance(options_.connect_timeout);
  TakeFrom(with_);
  EXPECT_TRUE(with_.unresponsive());
}

TEST_F(SubscriptionSetTest, AShareWhoseLeavingGotNoReadableAnswerCountsAsLeft) {
  UpAndGranted();
  set_.LeaveShared();
  EXPECT_THAT(Leave(), ElementsAre(1));
  set_.AnswerAstray();
  clock_.Advance(options_.connect_timeout);
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_TRUE(set_.left_shared());
}

TEST_F(RemainderTest, ThatIsFoundLaterIsLeft) {
  UpAndGranted();
  set_.AddRemainder("plant/#");
  set_.AddRemainder("plant/#");
  set_.AddRemainder("a");
  EXPECT_THAT(Leave(), ElementsAre(kRemainder)) << "once, and not what is configured";
  EXPECT_FALSE(set_.ready());
  EXPECT_TRUE(set_.Left(kRemainder));
  EXPECT_TRUE(set_.ready());
}

}  // namespace
}  // namespace sluice
