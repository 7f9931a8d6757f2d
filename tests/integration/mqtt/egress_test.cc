// The wire driver publishes: every QoS, within the broker's limits, over outages, with an outcome for each message.
#include <map>
#include <set>

#include "tests/integration/mqtt/fixture.h"

namespace sluice {
namespace {

using Code = PublishOutcome::Code;

std::vector<std::string> Numbers(int count) {
  std::vector<std::string> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

class EgressTest : public testing::TestWithParam<Dialect> {
 protected:
  MqttOptions Options(const Mosquitto& broker) { return OptionsFor(broker.uri(), GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Dialects, EgressTest, testing::ValuesIn(WireDialects()), DialectName);

TEST_P(EgressTest, PublishesEveryQos) {
  Mosquitto broker;
  MqttDevice device(broker.uri());
  device.Subscribe("reply/#");
  TestPublisher publisher(Options(broker));
  ASSERT_TRUE(publisher.Ready());
  for (Qos qos : {Qos::kAtMostOnce, Qos::kAtLeastOnce, Qos::kExactlyOnce}) {
    uint64_t token = publisher.Publish("reply/Öl", "21.5", qos);
    EXPECT_EQ(publisher.OutcomeOf(token).code, Code::kOk);
  }
  std::vector<Received> received = device.received().WaitFor(3);
  ASSERT_EQ(received.size(), 3u);
  for (uint8_t qos = 0; qos <= 2; ++qos) {
    EXPECT_EQ(received[qos].topic, "reply/Öl");
    EXPECT_EQ(received[qos].payload, "21.5");
    EXPECT_EQ(static_cast<int>(received[qos].qos), qos);
  }
}

TEST_P(EgressTest, PublishesRetainedEmptyBinaryAndLarge) {
  Mosquitto broker;
  TestPublisher publisher(Options(broker));
  ASSERT_TRUE(publisher.Ready());
  std::string binary("\0\xFF\0", 3);
  std::string large(2 << 20, 'x');
  EXPECT_EQ(publisher.OutcomeOf(publisher.Publish("state", binary, Qos::kAtLeastOnce, /*retain=*/true)).code,
            Code::kOk);
  MqttDevice device(broker.uri());
  device.Subscribe("#");
  publisher.Publish("r", "", Qos::kAtLeastOnce);
  publisher.Publish("r", large, Qos::kAtLeastOnce);
  publisher.Publish("r", large, Qos::kAtMostOnce);
  std::vector<Received> received = device.received().WaitFor(4);
  ASSERT_EQ(received.size(), 4u);
  EXPECT_EQ(received[0].payload, binary);
  EXPECT_TRUE(received[0].retain);
  EXPECT_EQ(received[1].payload, "");
  EXPECT_EQ(received[2].payload, large);
  EXPECT_EQ(received[3].payload, large);
}

TEST_P(EgressTest, SendsMoreThanTheReceiveMaximumInOrder) {
  Mosquitto broker({.config = "max_queued_messages 0\n"});  // The device is slower than the gateway.
  MqttDevice device(broker.uri());
  // mosquitto 2.0.11 mixes up the order of what it has queued for subscribers of QoS 1 and 2.
  device.Subscribe("#", Qos::kAtMostOnce);
  TestPublisher publisher(Options(broker));
  ASSERT_TRUE(publisher.Ready());
  constexpr int kCount = 1'000;
  // MQTT keeps the order within a topic and a QoS (§4.6).
  for (int i = 0; i < kCount; ++i) {
    publisher.Publish("qos1", std::to_string(i), Qos::kAtLeastOnce);
    publisher.Publish("qos2", std::to_string(i), Qos::kExactlyOnce);
  }
  EXPECT_EQ(publisher->Flush(Clock::Real().Now() + kTestDeadline), 0u);
  EXPECT_EQ(publisher.outcomes().values().size(), size_t{2} * kCount);
  for (const PublishOutcome& outcome : publisher.outcomes().values()) EXPECT_EQ(outcome.code, Code::kOk);
  std::map<std::string, std::vector<Received>> by_topic;
  for (Received& received : device.received().WaitFor(size_t{2} * kCount)) by_topic[received.topic].push_back(received);
  EXPECT_EQ(Payloads(by_topic["qos1"]), Numbers(kCount));
  EXPECT_EQ(Payloads(by_topic["qos2"]), Numbers(kCount));
}

TEST_P(EgressTest, SendsQos0InOrder) {
  Mosquitto broker;
  MqttDevice device(broker.uri());
  device.Subscribe("r");
  TestPublisher publisher(Options(broker));
  ASSERT_TRUE(publisher.Ready());
  constexpr int kCount = 1'000;
  for (int i = 0; i < kCount; ++i) publisher.Publish("r", std::to_string(i), Qos::kAtMostOnce);
  EXPECT_EQ(publisher->Flush(Clock::Real().Now() + kTestDeadline), 0u);
  EXPECT_EQ(Payloads(device.received().WaitFor(kCount)), Numbers(kCount));
}

TEST_P(EgressTest, LosesNothingAndKeepsOrderOverABrokersRestart) {
  Mosquitto broker({.persistence = true, .config = "max_queued_messages 0\n"});
  TestIntake intake(Options(broker), {{.filter = "r", .qos = Qos::kAtLeastOnce, .id = 1}});
  ASSERT_TRUE(intake.Ready());
  TestPublisher publisher(Options(broker));
  ASSERT_TRUE(publisher.Ready());
  constexpr int kCount = 3'000;
  for (int i = 0; i < kCount; ++i) {
    publisher.Publish("r", std::to_string(i), Qos::kAtLeastOnce);
    if (i == 1'000) {
      ASSERT_FALSE(publisher.outcomes().WaitFor(100).empty());
      broker.Stop();
    }
    if (i == 2'000) broker.Start();
  }
  EXPECT_EQ(publisher->Flush(Clock::Real().Now() + kTestDeadline), 0u);
  for (const PublishOutcome& outcome : publisher.outcomes().values()) EXPECT_EQ(outcome.code, Code::kOk);
  // A message may come twice, but none is missing, and first arrivals are in order.
  std::vector<InboundMessage> all = intake.messages().WaitUntil([](const std::vector<InboundMessage>& messages) {
    return !messages.empty() && messages.back().message->payload == std::to_string(kCount - 1);
  });
  std::vector<std::string> first;
  std::set<std::string> seen;
  for (const std::string& payload : Payloads(all)) {
    if (seen.insert(payload).second) first.push_back(payload);
  }
  EXPECT_EQ(first, Numbers(kCount));
}

TEST_P(EgressTest, LosesNothingWhenTheBrokerIsKilledAgainAndAgain) {
  Mosquitto broker({.persistence = true});
  TestPublisher publisher(Options(broker));
  ASSERT_TRUE(publisher.Ready());
  constexpr int kRounds = 5;
  constexpr int kPerRound = 500;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kPerRound; ++i) publisher.Publish("r", std::string(2'000, 'x'), static_cast<Qos>(1 + i % 2));
    publisher.outcomes().WaitFor(static_cast<size_t>(round * kPerRound + 50));
    broker.Kill();
    broker.Start();
  }
  EXPECT_EQ(publisher->Flush(Clock::Real().Now() + kTestDeadline), 0u);
  EXPECT_EQ(publisher.outcomes().values().size(), size_t{kRounds} * kPerRound);
}

TEST_P(EgressTest, FailsOnlyQos0WhileDisconnected) {
  Mosquitto broker({.start = false});
  TestPublisher publisher(Options(broker));
  uint64_t gone = publisher.Publish("r", "0", Qos::kAtMostOnce);
  uint64_t waiting = publisher.Publish("r", "1", Qos::kAtMostOnce, false, /*wait_for_connection=*/true);
  uint64_t kept = publisher.Publish("r", "2", Qos::kAtLeastOnce);
  EXPECT_EQ(publisher.OutcomeOf(gone).code, Code::kNotConnected);
  EXPECT_EQ(publisher->Flush(Clock::Real().Now() + Millis{20}), 2u);
  EXPECT_FALSE(publisher->State().ready);
  EXPECT_EQ(publisher->State().name, "plant (replies)");
  broker.Start();
  EXPECT_EQ(publisher.OutcomeOf(waiting).code, Code::kOk);
  EXPECT_EQ(publisher.OutcomeOf(kept).code, Code::kOk);
}

TEST_P(EgressTest, SaysNothingAfterStop) {
  Mosquitto broker({.start = false});
  TestPublisher publisher(Options(broker));
  publisher.Publish("r", "2", Qos::kAtLeastOnce);
  publisher->Stop(Clock::Real().Now() + kTestDeadline);
  EXPECT_TRUE(publisher.outcomes().values().empty());
}

TEST_P(EgressTest, RefusesATopicThatIsNotUtf8) {
  Mosquitto broker;
  TestPublisher publisher(Options(broker));
  ASSERT_TRUE(publisher.Ready());
  EXPECT_EQ(publisher.OutcomeOf(publisher.Publish("r/\xC0\x80", "x", Qos::kAtLeastOnce)).code, Code::kRefused);
  EXPECT_EQ(publisher.OutcomeOf(publisher.Publish("r", "x", Qos::kAtLeastOnce)).code, Code::kOk);
}

TEST(EgressTestMqtt5, CarriesProperties) {
  Mosquitto broker;
  MqttDevice device(broker.uri());
  device.Subscribe("r");
  TestPublisher publisher(OptionsFor(broker.uri()));
  ASSERT_TRUE(publisher.Ready());
  auto properties = std::make_unique<Properties>();
  properties->content_type = "application/json";
  properties->response_topic = "back";
  properties->correlation_data = std::string("\0\x01", 2);
  properties->expiry_s = 100;
  properties->user = {{"a", "1"}, {"a", "2"}};
  publisher.Publish("r", "{}", Qos::kAtLeastOnce, false, false, std::move(properties));
  std::vector<Received> received = device.received().WaitFor(1);
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(received[0].properties.content_type, "application/json");
  EXPECT_EQ(received[0].properties.response_topic, "back");
  EXPECT_EQ(received[0].properties.correlation_data, std::string("\0\x01", 2));
  EXPECT_LE(received[0].properties.expiry_s.value_or(1'000), 100u);
  EXPECT_THAT(received[0].properties.user, testing::ElementsAre(testing::Pair("a", "1"), testing::Pair("a", "2")));
}

TEST(EgressTestMqtt5, ReportsARefusedPublish) {
  Mosquitto broker({.users = {{"gateway", "pw"}}, .acl = "user gateway\ntopic readwrite open/#\n"});
  MqttOptions options = OptionsFor(broker.uri());
  options.username = "gateway";
  options.password = "pw";
  TestPublisher publisher(options);
  ASSERT_TRUE(publisher.Ready());
  for (Qos qos : {Qos::kAtLeastOnce, Qos::kExactlyOnce}) {
    PublishOutcome outcome = publisher.OutcomeOf(publisher.Publish("secret/1", "x", qos));
    EXPECT_EQ(outcome.code, Code::kRefused);
    EXPECT_EQ(outcome.mqtt_reason_code, 0x87);
  }
  EXPECT_EQ(publisher.OutcomeOf(publisher.Publish("open/1", "x", Qos::kAtLeastOnce)).code, Code::kOk);
}

TEST(EgressTestMqtt5, KeepsWithinTheBrokersLimits) {
  Mosquitto broker({.config = "max_packet_size 1000\nretain_available false\nmax_qos 1\n"});
  TestPublisher publisher(OptionsFor(broker.uri()));
  ASSERT_TRUE(publisher.Ready());
  EXPECT_EQ(publisher.OutcomeOf(publisher.Publish("r", std::string(1'000, 'x'), Qos::kAtLeastOnce)).code,
            Code::kTooLarge);
  EXPECT_EQ(publisher.OutcomeOf(publisher.Publish("r", std::string(900, 'x'), Qos::kAtLeastOnce)).code, Code::kOk);
  EXPECT_EQ(publisher.OutcomeOf(publisher.Publish("r", "x", Qos::kExactlyOnce)).code, Code::kInvalidQos);
  PublishOutcome retained = publisher.OutcomeOf(publisher.Publish("r", "x", Qos::kAtLeastOnce, /*retain=*/true));
  EXPECT_EQ(retained.code, Code::kRefused);
  EXPECT_EQ(retained.mqtt_reason_code, 0x9A);
}

// With MQTT 3.1.1 a broker cannot say how large a packet may be; mosquitto closes the connection over a larger one.
TEST(EgressTestMqtt311, GivesUpAMessageThatMakesTheBrokerCloseTheConnection) {
  Mosquitto broker({.config = "max_packet_size 1000\n"});
  TestPublisher publisher(OptionsFor(broker.uri(), {.mqtt5 = false}));
  ASSERT_TRUE(publisher.Ready());
  uint64_t before = publisher.Publish("r", "x", Qos::kAtLeastOnce);
  uint64_t poison = publisher.Publish("r", std::string(2'000, 'x'), Qos::kAtLeastOnce);
  uint64_t after = publisher.Publish("r", "x", Qos::kAtLeastOnce);
  EXPECT_EQ(publisher.OutcomeOf(before).code, Code::kOk);
  EXPECT_EQ(publisher.OutcomeOf(poison).code, Code::kRefused);
  EXPECT_EQ(publisher.OutcomeOf(after).code, Code::kOk);
}

TEST_P(EgressTest, GoesOnWhileIntakeIsPaused) {
  Mosquitto broker;
  MqttDevice device(broker.uri());
  device.Subscribe("r");
  TestIntake intake(Options(broker), {{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1}});
  TestPublisher publisher(Options(broker));
  ASSERT_TRUE(intake.Ready() && publisher.Ready());
  intake->Pause("full");
  EXPECT_EQ(publisher.OutcomeOf(publisher.Publish("r", "x", Qos::kAtLeastOnce)).code, Code::kOk);
  EXPECT_EQ(device.received().WaitFor(1).size(), 1u);
}

}  // namespace
}  // namespace sluice
