// How PublishQueue finds the message over which a broker closes connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "server/mqtt/publish_queue.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Code = PublishOutcome::Code;

// A queue and a broker that takes messages in order, and closes the connection over some of them.
class SuspectsTest : public testing::Test {
 protected:
  void Add(uint64_t token, const std::string& topic, Qos qos = Qos::kAtLeastOnce, bool retain = false) {
    auto message = std::make_shared<OutboundMessage>();
    message->topic = topic;
    message->qos = qos;
    message->retain = retain;
    std::vector<Outgoing> batch;
    batch.push_back({.token = token, .message = std::move(message), .wait_for_connection = true});
    queue_.Add(std::move(batch), outcomes_);
  }
  // The tokens that may go out now. Those of QoS 0 are written at once.
  std::vector<uint64_t> Take() {
    std::vector<PublishQueue::Sent> sent;
    queue_.Take(now_, sent, outcomes_);
    std::vector<uint64_t> topics;
    for (const PublishQueue::Sent& one : sent) {
      topics.push_back(one.sequence);
      if (one.message->qos == Qos::kAtMostOnce) queue_.Written(one.sequence, outcomes_);
    }
    return topics;
  }
  // The broker answers the ping that a connection begins with where there are suspects.
  void Connect() {
    queue_.Connected({}, now_);
    if (queue_.suspects() == 0) return;
    EXPECT_THAT(Take(), IsEmpty());
    Pong();
  }
  // A connection that breaks unexpectedly is made anew after a pause, which all wait for.
  void Break(uint8_t reason = 0) {
    if (!queue_.expects_breaks(now_)) ++pauses_;
    queue_.Disconnected(reason, now_, outcomes_);
  }
  void Confirm(uint64_t sequence) { queue_.Settle(sequence, Code::kOk, 0, outcomes_); }
  // The broker answers a ping.
  void Pong() {
    EXPECT_TRUE(queue_.TakePingWish());
    queue_.Pong();
  }
  // A connection to a broker that closes it over messages for which `hates` holds, until nothing more comes; true: it
  // broke. What it takes before, it confirms at once, in order; or `late`: when it has looked at all that was sent.
  template <typename Hates>
  bool Serve(const Hates& hates, bool late = false) {
    Connect();
    while (true) {
      std::vector<PublishQueue::Sent> sent;
      queue_.Take(now_, sent, outcomes_);
      if (queue_.TakePingWish()) {
        queue_.Pong();
        continue;
      }
      if (sent.empty()) return false;
      for (const PublishQueue::Sent& one : sent) {
        if (one.message->qos == Qos::kAtMostOnce) queue_.Written(one.sequence, outcomes_);
      }
      std::vector<uint64_t> confirmed;
      const bool broken = std::ranges::any_of(sent, [&](const PublishQueue::Sent& one) {
        if (hates(*one.message)) return true;
        if (one.message->qos != Qos::kAtMostOnce) late ? confirmed.push_back(one.sequence) : Confirm(one.sequence);
        return false;
      });
      if (broken) {
        Break();
        return true;
      }
      for (const uint64_t sequence : confirmed) Confirm(sequence);
    }
  }
  Code OutcomeOf(uint64_t token) const {
    for (const PublishOutcome& outcome : outcomes_) {
      if (outcome.token == token) return outcome.code;
    }
    ADD_FAILURE() << "no outcome of " << token;
    return Code::kNotConnected;
  }
  bool Has(uint64_t token) const {
    for (const PublishOutcome& outcome : outcomes_) {
      if (outcome.token == token) return true;
    }
    return false;
  }

  SteadyTime now_{Millis(1'000'000)};
  PublishQueue queue_{/*window=*/4, /*window_bytes=*/100'000, /*mqtt5=*/false};
  std::vector<PublishOutcome> outcomes_;
  int pauses_ = 0;
};

bool IsBad(const OutboundMessage& message) { return message.topic.starts_with("bad"); }

TEST_F(SuspectsTest, OthersGoFirstThenWhatOneConnectionBrokeOverAndWhatTwoDidAlone) {
  for (uint64_t i = 0; i < 6; ++i) Add(i, std::to_string(i));
  Connect();
  EXPECT_THAT(Take(), ElementsAre(0, 1, 2, 3));
  Break();
  Connect();
  EXPECT_THAT(Take(), ElementsAre(4, 5));
  // Not beside them.
  Confirm(4);
  EXPECT_THAT(Take(), IsEmpty());
  Confirm(5);
  EXPECT_THAT(Take(), ElementsAre(0, 1, 2, 3));
  // Nor the other way round.
  Add(6, "6");
  EXPECT_THAT(Take(), IsEmpty());
  Break();
  Connect();
  EXPECT_THAT(Take(), ElementsAre(6));
  Confirm(6);
  // Now one by one, the last of them first: what stood before the culprit has mostly been confirmed. What comes
  // meanwhile waits for one of them at most.
  EXPECT_THAT(Take(), ElementsAre(3));
  Add(7, "7");
  EXPECT_THAT(Take(), IsEmpty());
  Confirm(3);
  EXPECT_THAT(Take(), ElementsAre(7));
  Confirm(7);
  EXPECT_THAT(Take(), ElementsAre(2));
  Confirm(2);
  EXPECT_THAT(Take(), ElementsAre(1));
}

TEST_F(SuspectsTest, AConnectionThatBrokeForOtherReasonsKeepsNobodyAlone) {
  for (uint64_t i = 0; i < 8; ++i) Add(i, std::to_string(i));
  Connect();
  EXPECT_THAT(Take(), ElementsAre(0, 1, 2, 3));
  Break();
  EXPECT_FALSE(Serve([](const OutboundMessage&) { return false; }));
  EXPECT_EQ(queue_.open(), 0u);
  EXPECT_EQ(queue_.suspects(), 0u);
}

TEST_F(SuspectsTest, ASuspectThatBreaksThreeConnectionsAloneIsGivenUpAndNothingWaitsForIt) {
  for (uint64_t i = 0; i < 4; ++i) Add(i, i == 1 ? "bad" : std::to_string(i));
  EXPECT_TRUE(Serve(IsBad));
  EXPECT_TRUE(Serve(IsBad));
  EXPECT_TRUE(Serve(IsBad));
  EXPECT_EQ(queue_.open(), 1u);
  EXPECT_EQ(pauses_, 1);
  // It is tried again after a pause; what comes meanwhile does not wait for it.
  Add(4, "4");
  EXPECT_FALSE(Serve(IsBad));
  EXPECT_EQ(OutcomeOf(4), Code::kOk);
  EXPECT_EQ(queue_.due(now_), now_ + Millis(1'000));
  now_ += Millis(1'000);
  EXPECT_TRUE(Serve(IsBad));
  EXPECT_FALSE(Has(1));
  now_ += Millis(2'000);
  EXPECT_TRUE(Serve(IsBad));
  EXPECT_EQ(OutcomeOf(1), Code::kRefused);
  EXPECT_EQ(outcomes_.back().mqtt_reason_code, 0x80);
  EXPECT_EQ(queue_.open(), 0u);
  EXPECT_EQ(queue_.suspects(), 0u);
}

// Honest messages before, between and behind others that make the broker close the connection.
class ManyCulpritsTest : public SuspectsTest, public testing::WithParamInterface<std::tuple<int, bool, bool>> {};

TEST_P(ManyCulpritsTest, NobodyWaitsForMoreThanOneReconnect) {
  const auto [culprits, late, noise] = GetParam();
  uint64_t token = 0;
  std::vector<uint64_t> good;
  const auto add_good = [&] {
    if (noise) Add(token++, "noise", Qos::kAtMostOnce);
    good.push_back(token);
    Add(token, "good" + std::to_string(token));
    ++token;
  };
  for (int i = 0; i < culprits; ++i) {
    add_good();
    Add(token++, "bad" + std::to_string(i));
  }
  add_good();
  const auto waiting = [&](uint64_t since) {
    return std::ranges::count_if(good, [&](uint64_t one) { return one >= since && !Has(one); });
  };
  // Those that were there before anybody could know.
  int connections = 0;
  while (waiting(0) > 0) {
    ASSERT_LT(++connections, 4 * culprits + 4);
    Serve(IsBad, late);
  }
  EXPECT_EQ(pauses_, 1);
  // Those that come from now on, while the culprits are tried.
  for (int i = 0; queue_.suspects() > 0; ++i) {
    ASSERT_LT(i, 20 * culprits);
    const uint64_t since = token;
    add_good();
    pauses_ = 0;
    while (waiting(since) > 0) Serve(IsBad, late);
    EXPECT_EQ(pauses_, 0);
    now_ += Millis(500);
  }
  EXPECT_EQ(queue_.open(), 0u);
  for (const PublishOutcome& outcome : outcomes_) {
    EXPECT_EQ(outcome.code, outcome.code == Code::kOk ? Code::kOk : Code::kRefused);
  }
  EXPECT_EQ(std::ranges::count(outcomes_, Code::kRefused, &PublishOutcome::code), culprits);
}

INSTANTIATE_TEST_SUITE_P(All, ManyCulpritsTest,
                         testing::Combine(testing::Values(1, 2, 3, 10), testing::Bool(), testing::Bool()));

// In the minute after one was found, the next needs no second connection.
TEST_F(SuspectsTest, ASteadyStreamOfCulpritsMakesNobodyWait) {
  Add(0, "bad");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Serve(IsBad));
  for (uint64_t token = 10; token < 40; token += 10) {
    Add(token, "bad" + std::to_string(token));
    Add(token + 1, "good");
    EXPECT_TRUE(Serve(IsBad));
    EXPECT_TRUE(Serve(IsBad));
    EXPECT_EQ(OutcomeOf(token + 1), Code::kOk);
    EXPECT_EQ(pauses_, 1);
    now_ += Millis(10'000);
  }
}

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
