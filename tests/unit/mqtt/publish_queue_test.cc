#include "server/mqtt/publish_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Code = PublishOutcome::Code;

Outgoing Of(uint64_t token, Qos qos = Qos::kAtLeastOnce, size_t bytes = 1, bool wait = false) {
  auto message = std::make_shared<OutboundMessage>();
  message->topic = "t";
  message->payload = std::string(bytes - 1, 'x');
  message->qos = qos;
  return Outgoing{.token = token, .message = std::move(message), .wait_for_connection = wait};
}

// A queue, driven by hand.
class PublishQueueTest : public testing::Test {
 protected:
  void Add(std::vector<Outgoing> batch) { queue_.Add(std::move(batch), outcomes_); }
  // What may go out now, by sequence; the broker answers a ping at once. Sequences count from 0 as messages were added.
  std::vector<uint64_t> Take() {
    std::vector<PublishQueue::Sent> sent;
    queue_.Take(now_, sent, outcomes_);
    while (sent.empty() && queue_.TakePingWish()) {
      queue_.Pong();
      queue_.Take(now_, sent, outcomes_);
    }
    std::vector<uint64_t> sequences;
    sequences.reserve(sent.size());
    for (const PublishQueue::Sent& one : sent) sequences.push_back(one.sequence);
    return sequences;
  }
  void Connect(const BrokerLimits& limits) { queue_.Connected(limits, now_); }
  void Break(uint8_t reason = 0) { queue_.Disconnected(reason, now_, outcomes_); }
  void Written(uint64_t sequence) { queue_.Written(sequence, outcomes_); }
  void Confirm(uint64_t sequence) { queue_.Settle(sequence, Code::kOk, 0, outcomes_); }
  std::vector<std::pair<uint64_t, Code>> Outcomes() {
    std::vector<std::pair<uint64_t, Code>> outcomes;
    for (const PublishOutcome& outcome : outcomes_) outcomes.emplace_back(outcome.token, outcome.code);
    outcomes_.clear();
    return outcomes;
  }

  SteadyTime now_{Millis(1'000'000)};
  PublishQueue queue_{/*window=*/4, /*window_bytes=*/100, /*mqtt5=*/true};
  std::vector<PublishOutcome> outcomes_;
};

TEST_F(PublishQueueTest, GivesNothingOutBeforeThereIsAConnection) {
  Add({Of(1)});
  EXPECT_THAT(Take(), IsEmpty());
  Connect({});
  EXPECT_THAT(Take(), ElementsAre(0));
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_EQ(queue_.open(), 1u);
}

TEST_F(PublishQueueTest, HoldsTheWindowAndOpensItWithEachConfirmation) {
  Connect({});
  Add({Of(1), Of(2), Of(3), Of(4), Of(5), Of(6)});
  EXPECT_THAT(Take(), ElementsAre(0, 1, 2, 3));
  Confirm(2);
  EXPECT_THAT(Take(), ElementsAre(4));
  Confirm(0);
  Confirm(1);
  EXPECT_THAT(Take(), ElementsAre(5));
  EXPECT_EQ(queue_.open(), 3u);
  EXPECT_EQ(queue_.sent(), 3u);
  EXPECT_THAT(Outcomes(), ElementsAre(std::pair(3u, Code::kOk), std::pair(1u, Code::kOk), std::pair(2u, Code::kOk)));
}

TEST_F(PublishQueueTest, GivesAwayWhatIsNotSettledInItsOrderSuspectsAmongIt) {
  Connect({});
  Add({Of(1), Of(2), Of(3)});
  EXPECT_THAT(Take(), ElementsAre(0, 1, 2));
  Confirm(1);
  Break();  // 1 and 3 are suspects now.
  Add({Of(4)});
  std::vector<uint64_t> tokens;
  for (const Outgoing& outgoing : queue_.TakeOpen()) tokens.push_back(outgoing.token);
  EXPECT_THAT(tokens, ElementsAre(1, 3, 4));
}

TEST_F(PublishQueueTest, HoldsTheBrokersReceiveMaximum) {
  Connect({.receive_maximum = 2});
  Add({Of(1), Of(2), Of(3)});
  EXPECT_THAT(Take(), ElementsAre(0, 1));
}

TEST_F(PublishQueueTest, GoesOnWithAReceiveMaximumOfOne) {
  Connect({.receive_maximum = 1});
  Add({Of(1), Of(2)});
  EXPECT_THAT(Take(), ElementsAre(0));
  Confirm(0);
  EXPECT_THAT(Take(), ElementsAre(1));
}

TEST(PublishQueueMqtt311, AssumesABoundThatTheBrokerCannotAnnounce) {
  PublishQueue queue(100, 10'000, /*mqtt5=*/false);
  queue.Connected({}, SteadyTime());
  std::vector<Outgoing> batch;
  for (uint64_t i = 0; i < 50; ++i) batch.push_back(Of(i));
  std::vector<PublishQueue::Sent> sent;
  std::vector<PublishOutcome> outcomes;
  queue.Add(std::move(batch), outcomes);
  queue.Take(SteadyTime(), sent, outcomes);
  EXPECT_EQ(sent.size(), 20u);
}

TEST_F(PublishQueueTest, DoesNotCountQos0AgainstTheReceiveMaximum) {
  Connect({.receive_maximum = 1});
  Add({Of(1), Of(2, Qos::kAtMostOnce), Of(3, Qos::kAtMostOnce), Of(4), Of(5, Qos::kAtMostOnce)});
  EXPECT_THAT(Take(), ElementsAre(0, 1, 2));  // The order holds: the last waits behind the fourth.
  Confirm(0);
  EXPECT_THAT(Take(), ElementsAre(3, 4));
}

TEST_F(PublishQueueTest, HoldsTheWindowInBytesButLetsOneLargeMessageThrough) {
  Connect({});
  Add({Of(1, Qos::kAtLeastOnce, 500), Of(2, Qos::kAtLeastOnce, 60), Of(3, Qos::kAtLeastOnce, 60)});
  EXPECT_THAT(Take(), ElementsAre(0));
  Confirm(0);
  EXPECT_THAT(Take(), ElementsAre(1));
  Confirm(1);
  EXPECT_THAT(Take(), ElementsAre(2));
}

TEST_F(PublishQueueTest, SendsAgainInOrderWhatABrokenConnectionLeftUnconfirmed) {
  Connect({});
  Add({Of(1), Of(2), Of(3), Of(4), Of(5)});
  EXPECT_THAT(Take(), ElementsAre(0, 1, 2, 3));
  Confirm(1);
  Break();
  EXPECT_EQ(queue_.sent(), 0u);
  EXPECT_EQ(queue_.open(), 4u);
  Add({Of(6)});
  Connect({});
  EXPECT_THAT(Take(), ElementsAre(0, 2, 3));
  for (uint64_t sequence : {0u, 2u, 3u}) Confirm(sequence);
  EXPECT_THAT(Take(), ElementsAre(4, 5));
  Confirm(4);
  Confirm(5);
  EXPECT_EQ(queue_.open(), 0u);
  EXPECT_EQ(Outcomes().size(), 6u);
}

TEST_F(PublishQueueTest, FailsQos0WithoutAConnectionUnlessItWaits) {
  Add({Of(1, Qos::kAtMostOnce), Of(2, Qos::kAtMostOnce, 1, /*wait=*/true), Of(3)});
  EXPECT_THAT(Outcomes(), ElementsAre(std::pair(1u, Code::kNotConnected)));
  Connect({});
  EXPECT_THAT(Take(), ElementsAre(0, 1));
  Break();
  EXPECT_THAT(Outcomes(), IsEmpty());
  Connect({});
  EXPECT_THAT(Take(), ElementsAre(0, 1));
}

TEST_F(PublishQueueTest, FailsQos0ThatABrokenConnectionLeftUnsentUnlessItWaits) {
  Connect({.receive_maximum = 1});
  Add({Of(1), Of(2), Of(3, Qos::kAtMostOnce), Of(4, Qos::kAtMostOnce, 1, /*wait=*/true)});
  EXPECT_THAT(Take(), ElementsAre(0));
  Break();
  EXPECT_THAT(Outcomes(), ElementsAre(std::pair(3u, Code::kNotConnected)));
  Connect({});
  // What the connection broke over is last, but what follows on its topic and QoS waits for it.
  EXPECT_THAT(Take(), ElementsAre(3));
  Written(3);
  EXPECT_THAT(Take(), ElementsAre(0));
  Confirm(0);
  EXPECT_THAT(Take(), ElementsAre(1));
}

// What waits for the broker is not looked at again for each batch that comes meanwhile.
TEST_F(PublishQueueTest, TakesInWithoutAConnectionAtACostThatDoesNotGrowWithWhatWaits) {
  constexpr uint64_t kWaiting = 1'000'000;
  std::vector<Outgoing> batch;
  const Outgoing one = Of(0);
  for (uint64_t i = 0; i < kWaiting; ++i) batch.push_back({.token = i, .message = one.message});
  Add(std::move(batch));
  // 200,000 batches over a million that wait: by looking at each it would take hours, not less than a second.
  for (uint64_t i = 0; i < 100'000; ++i) Add({Of(i, Qos::kAtMostOnce)});
  for (uint64_t i = 0; i < 100'000; ++i) Add({{.token = kWaiting + i, .message = one.message}});
  EXPECT_EQ(outcomes_.size(), 100'000u);
  EXPECT_EQ(queue_.open(), kWaiting + 100'000u);
}

TEST_F(PublishQueueTest, GivesAFailedMessageBack) {
  Connect({});
  Outgoing refused = Of(1);
  const OutboundMessage* message = refused.message.get();
  Add({std::move(refused), Of(2)});
  Take();
  queue_.Settle(0, Code::kRefused, 0x87, outcomes_);
  Confirm(1);
  ASSERT_EQ(outcomes_.size(), 2u);
  EXPECT_EQ(outcomes_[0].message.get(), message);
  EXPECT_EQ(outcomes_[0].mqtt_reason_code, 0x87);
  EXPECT_EQ(outcomes_[1].message, nullptr);
}

// MQTT keeps the order of a topic within a QoS (§4.6); a message that is retried must not fall behind later ones.
TEST_F(PublishQueueTest, KeepsTheOrderOverEachOfManyBrokenConnections) {
  for (uint64_t i = 0; i < 20; ++i) Add({Of(i, static_cast<Qos>(1 + i % 2))});
  std::array<std::vector<uint64_t>, 2> confirmed;
  while (queue_.open() > 0) {
    Connect({});
    const std::vector<uint64_t> taken = Take();
    ASSERT_FALSE(taken.empty());
    // Each connection breaks after its first confirmation.
    Confirm(taken.front());
    confirmed[taken.front() % 2].push_back(taken.front());
    Break();
  }
  for (const std::vector<uint64_t>& of_a_qos : confirmed) {
    EXPECT_EQ(of_a_qos.size(), 10u);
    EXPECT_THAT(of_a_qos, testing::WhenSorted(testing::ElementsAreArray(of_a_qos)));
  }
}

TEST_F(PublishQueueTest, ReturnsWhatCouldNotBeHandedOver) {
  Connect({});
  Add({Of(1), Of(2), Of(3)});
  EXPECT_THAT(Take(), ElementsAre(0, 1, 2));
  queue_.Return(1);
  queue_.Return(2);
  EXPECT_EQ(queue_.sent(), 1u);
  EXPECT_THAT(Take(), ElementsAre(1, 2));
}

// ------------------------------------------------------------------------------------------------ expiry

Outgoing Expiring(uint64_t token, uint32_t expiry_s, SteadyTime made, Qos qos = Qos::kAtLeastOnce) {
  auto message = std::make_shared<OutboundMessage>();
  message->topic = "t";
  message->qos = qos;
  message->made = made;
  auto properties = std::make_unique<Properties>();
  properties->expiry_s = expiry_s;
  message->properties = std::move(properties);
  return Outgoing{.token = token, .message = std::move(message), .wait_for_connection = true};
}

TEST_F(PublishQueueTest, GivesOutWhatIsLeftOfAnExpiry) {
  Add({Expiring(1, 10, now_), Of(2)});
  now_ += Millis(3'900);
  Connect({});
  std::vector<PublishQueue::Sent> sent;
  queue_.Take(now_, sent, outcomes_);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].expiry_s, 7u);
  EXPECT_EQ(sent[1].expiry_s, std::nullopt);
  // And again less with the next connection.
  Break();
  now_ += Millis(2'000);
  Connect({});
  sent.clear();
  queue_.Take(now_, sent, outcomes_);
  queue_.Pong();
  queue_.Take(now_, sent, outcomes_);
  EXPECT_EQ(sent[0].expiry_s, 5u);
}

TEST_F(PublishQueueTest, SettlesWhatExpiredWhileItWaited) {
  Add({Expiring(1, 3, now_), Expiring(2, 4, now_), Expiring(3, 3, now_, Qos::kAtMostOnce)});
  now_ += Millis(3'000);
  Connect({});
  EXPECT_THAT(Take(), ElementsAre(1));
  EXPECT_THAT(Outcomes(), ElementsAre(std::pair(1u, Code::kExpired), std::pair(3u, Code::kExpired)));
  EXPECT_EQ(queue_.open(), 1u);
}

TEST_F(PublishQueueTest, DropsWhatExpiredWithoutAConnectionWhenAsked) {
  Add({Of(1), Expiring(2, 3, now_), Expiring(3, 30, now_)});
  now_ += Millis(3'000);
  queue_.DropExpired(now_, outcomes_);
  EXPECT_THAT(Outcomes(), ElementsAre(std::pair(2u, Code::kExpired)));
  Connect({});
  EXPECT_THAT(Take(), ElementsAre(0, 2));
  // What is under way is the broker's.
  now_ += Millis(60'000);
  queue_.DropExpired(now_, outcomes_);
  EXPECT_THAT(Outcomes(), IsEmpty());
}

TEST_F(PublishQueueTest, SettlesWhatTheBrokerCannotTakeWithoutSendingIt) {
  Connect({.maximum_qos = Qos::kAtLeastOnce, .retain_available = false, .maximum_packet_bytes = 50});
  auto retained = std::make_shared<OutboundMessage>();
  retained->topic = "t";
  retained->retain = true;
  Add({Of(1, Qos::kExactlyOnce), Of(2, Qos::kAtLeastOnce, 80), Of(4)});
  Add({Outgoing{.token = 3, .message = retained}});
  EXPECT_THAT(Take(), ElementsAre(2));
  EXPECT_EQ(outcomes_.back().mqtt_reason_code, 0x9A);
  EXPECT_THAT(Outcomes(), ElementsAre(std::pair(1u, Code::kInvalidQos), std::pair(2u, Code::kTooLarge),
                                      std::pair(3u, Code::kRefused)));
  EXPECT_EQ(queue_.open(), 1u);
}

TEST_F(PublishQueueTest, KnowsWhatIsNotConfirmed) {
  Connect({});
  Add({Of(1), Of(2, Qos::kAtMostOnce), Of(3), Of(4), Of(5), Of(6)});
  EXPECT_THAT(Take(), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(queue_.Unconfirmed(), ElementsAre(0, 2, 3, 4));
  Confirm(0);
  Confirm(3);
  EXPECT_THAT(queue_.Unconfirmed(), ElementsAre(2, 4));
  Break();
  EXPECT_THAT(queue_.Unconfirmed(), IsEmpty());
}

TEST_F(PublishQueueTest, TakesOneOutcomeForAMessageOnly) {
  Connect({});
  Add({Of(1), Of(2)});
  Take();
  Confirm(1);
  Confirm(1);
  Confirm(77);
  EXPECT_EQ(Outcomes().size(), 1u);
  EXPECT_EQ(queue_.open(), 1u);
}

TEST_F(PublishQueueTest, TakesTheOutcomeOfAMessageThatWaitsAgain) {
  Connect({});
  Add({Of(1)});
  Take();
  Break();
  Confirm(0);
  EXPECT_THAT(Outcomes(), ElementsAre(std::pair(1u, Code::kOk)));
  Connect({});
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(PublishQueueTest, EachConnectionMakesProgressHoweverSoonItBreaks) {
  for (uint64_t i = 0; i < 20; ++i) Add({Of(i)});
  int connections = 0;
  for (; queue_.open() > 0; ++connections) {
    ASSERT_LT(connections, 20);
    Connect({});
    // The broker confirms one, and all that it was sent with the connections that come after.
    Confirm(Take().front());
    Break();
  }
  EXPECT_EQ(connections, 20);
}

TEST_F(PublishQueueTest, SuspectsNothingWithoutAConnection) {
  Add({Of(1)});
  for (int i = 0; i < 10; ++i) Break();
  for (int i = 0; i < 10; ++i) {
    Connect({});
    Break();
  }
  EXPECT_THAT(Outcomes(), IsEmpty());
}

}  // namespace
}  // namespace sluice
