// Brokers that make it hard for PublishQueue to find the message over which they close connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/mqtt/publish_suspects_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(SuspectsTest, ABrokerThatSaysThatItShutsDownCastsNoSuspicion) {
  for (uint64_t i = 0; i < 4; ++i) Add(i, std::to_string(i));
  for (int i = 0; i < 3; ++i) {
    Connect();
    EXPECT_THAT(Take(), ElementsAre(0, 1, 2, 3));
    Break(0x8B);
  }
  EXPECT_EQ(queue_.suspects(), 0u);
}

// Of QoS 0 nothing is confirmed, so it is never found; but it keeps nobody from being published.
TEST_F(SuspectsTest, OthersThatBreakEachConnectionDoNotKeepSuspectsForEver) {
  Add(0, "good");
  Add(1, "bad", Qos::kAtMostOnce);
  for (int i = 0; !Has(0); ++i) {
    ASSERT_LT(i, 6);
    Serve(IsBad, /*late=*/true);
    Add(100, "bad", Qos::kAtMostOnce);
  }
}

// MQTT 3.1.1 cannot say that there is no QoS 2.
TEST_F(SuspectsTest, ABrokerWithoutQos2TeachesThatOnceAndOneGoodReplyDoesNotWait) {
  const auto hates = [](const OutboundMessage& message) { return message.qos == Qos::kExactlyOnce; };
  for (uint64_t i = 0; i < 3; ++i) Add(i, std::to_string(i), Qos::kExactlyOnce);
  Add(3, "good");
  EXPECT_TRUE(Serve(hates));
  EXPECT_TRUE(Serve(hates));
  // The good one goes before those of which nobody knows whether the broker takes them.
  EXPECT_TRUE(Serve(hates));
  EXPECT_EQ(OutcomeOf(3), Code::kOk);
  EXPECT_TRUE(Serve(hates));
  EXPECT_EQ(pauses_, 1);
  EXPECT_THAT(queue_.TakeNews(), "the broker takes no QoS 2");
  // Learnt: what is left of QoS 2, and what comes, breaks nothing any more.
  Add(4, "more", Qos::kExactlyOnce);
  Add(5, "good");
  now_ += Millis(10'000);
  EXPECT_FALSE(Serve(hates));
  for (uint64_t i : {0u, 1u, 2u, 4u}) EXPECT_EQ(OutcomeOf(i), Code::kInvalidQos);
  EXPECT_EQ(OutcomeOf(5), Code::kOk);
  EXPECT_EQ(queue_.open(), 0u);
  // Over later connections, too; but not for ever.
  Break();
  Add(6, "more", Qos::kExactlyOnce);
  EXPECT_FALSE(Serve(hates));
  EXPECT_EQ(OutcomeOf(6), Code::kInvalidQos);
  Break();
  now_ += Millis(600'000);
  Add(7, "more", Qos::kExactlyOnce);
  EXPECT_FALSE(Serve([](const OutboundMessage&) { return false; }));
  EXPECT_EQ(OutcomeOf(7), Code::kOk);
}

TEST_F(SuspectsTest, WhatIsWrittenAtQos0IsNoProgressAndNotTheSuspectsFault) {
  Add(0, "bad");
  Add(1, "noise", Qos::kAtMostOnce);
  for (int i = 0; i < 2; ++i) {
    Connect();
    EXPECT_FALSE(Take().empty());
    Break();
  }
  EXPECT_EQ(queue_.suspects(), 1u);
  Connect();
  Add(2, "noise", Qos::kAtMostOnce);
  EXPECT_THAT(Take(), ElementsAre(2));
  // The broker may close over the noise: before it has answered a ping nobody is tried.
  EXPECT_THAT(Take(), IsEmpty());
  Break();
  EXPECT_EQ(queue_.open(), 1u);
  // Beside a steady flow of them the culprit is found all the same.
  for (uint64_t token = 10; queue_.open() > 0; ++token) {
    ASSERT_LT(token, 30u);
    Add(token, "noise", Qos::kAtMostOnce);
    Serve([](const OutboundMessage& message) { return message.topic == "bad"; });
    now_ += Millis(4'000);
  }
  EXPECT_EQ(OutcomeOf(0), Code::kRefused);
}

TEST_F(SuspectsTest, ADisconnectThatSaysWhatIsWrongNeedsNoSecondTry) {
  Add(0, "bad");
  for (int i = 0; i < 2; ++i) {
    Connect();
    EXPECT_THAT(Take(), ElementsAre(0));
    Break(0x90);
  }
  Connect();
  EXPECT_THAT(Take(), ElementsAre(0));
  Break(0x90);
  EXPECT_EQ(OutcomeOf(0), Code::kRefused);
  EXPECT_EQ(outcomes_.back().mqtt_reason_code, 0x90);
}

// MQTT keeps the order of a topic within a QoS (§4.6), and so does a queue of which nobody knows who the culprit is.
TEST_F(SuspectsTest, WhatFollowsASuspectOnItsTopicWaitsUntilItHasBrokenAConnectionAlone) {
  for (uint64_t i = 0; i < 5; ++i) Add(i, "t");
  for (int i = 0; i < 2; ++i) {
    Connect();
    EXPECT_THAT(Take(), ElementsAre(0, 1, 2, 3));
    Break();
  }
  Connect();
  for (uint64_t i = 0; i < 4; ++i) {
    EXPECT_THAT(Take(), ElementsAre(i));
    Confirm(i);
  }
  EXPECT_THAT(Take(), ElementsAre(4));
}

TEST_F(SuspectsTest, ABrokerThatDoesNotAnswerPingsKeepsNothingForEver) {
  Add(0, "a");
  for (int i = 0; i < 2; ++i) {
    Connect();
    Take();
    Break();
  }
  Add(1, "b");
  queue_.Connected({}, now_);
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_EQ(queue_.due(now_), now_ + Millis(1'000));
  now_ += Millis(1'000);
  EXPECT_THAT(Take(), ElementsAre(1));
  // Nothing says that it works: if it breaks now, the next one waits.
  EXPECT_FALSE(queue_.expects_breaks(now_));
  Confirm(1);
  EXPECT_TRUE(queue_.expects_breaks(now_));
  EXPECT_THAT(Take(), ElementsAre(0));
}

TEST_F(SuspectsTest, NothingWaitsForLongForASuspectThatTheBrokerDoesNotAnswer) {
  Add(0, "a");
  Add(1, "b");
  for (int i = 0; i < 2; ++i) {
    Connect();
    Take();
    Break();
  }
  Connect();
  EXPECT_THAT(Take(), ElementsAre(1));
  Add(2, "c");
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_EQ(queue_.due(now_), now_ + Millis(1'000));
  now_ += Millis(1'000);
  EXPECT_THAT(Take(), ElementsAre(2));
  Confirm(2);
  EXPECT_THAT(Take(), ElementsAre(0));
  Confirm(0);
  // It is answered in the end.
  Confirm(1);
  EXPECT_EQ(queue_.suspects(), 0u);
  EXPECT_EQ(queue_.sent(), 0u);
  // Or with the next connection.
  EXPECT_EQ(queue_.open(), 0u);
}

TEST_F(SuspectsTest, CountsThoseWhosePacketIdStaysTaken) {
  Add(0, "bad");
  while (queue_.open() > 0) {
    Serve([](const OutboundMessage&) { return true; });
    now_ += Millis(4'000);
  }
  EXPECT_EQ(queue_.abandoned(), 1u);
}

}  // namespace
}  // namespace sluice
