// What only the wire driver does: it acknowledges when it is told to, and knows what it has seen over reconnects.
#include <algorithm>
#include <atomic>

#include "tests/integration/mqtt/fixture.h"
#include "tests/support/fake_broker.h"
#include "tests/support/tcp_proxy.h"

namespace sluice {
namespace {

using testing::ElementsAre;

const std::vector<Subscription> kSubscriptions = {{.filter = "a", .qos = Qos::kExactlyOnce, .id = 1}};

std::vector<std::string> Numbers(int begin, int end) {
  std::vector<std::string> numbers;
  for (int i = begin; i < end; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

// Takes in nothing until told to.
class StubbornSink final : public InboundSink {
 public:
  absl::Status OnMessages(std::span<InboundMessage> batch) override {
    if (!willing) {
      ++refused;
      return absl::ResourceExhaustedError("disk full");
    }
    for (InboundMessage& inbound : batch) messages.Add(std::move(inbound));
    return absl::OkStatus();
  }
  absl::Status OnReleased(std::span<const uint16_t> packet_ids) override {
    for (uint16_t packet_id : packet_ids) released.Add(packet_id);
    return absl::OkStatus();
  }
  std::vector<uint16_t> UnreleasedPackets() override { return unreleased; }

  std::atomic<bool> willing{false};
  std::atomic<int> refused{0};
  Recorder<InboundMessage> messages;
  Recorder<uint16_t> released;
  std::vector<uint16_t> unreleased;
};

class WireTest : public testing::TestWithParam<Dialect> {
 protected:
  MqttOptions Options() {
    MqttOptions options = OptionsFor(broker_.uri(), GetParam());
    options.receive_maximum = kWindow;
    return options;
  }
  // Both were connected; now the broker answers nothing, and more is to be published than the sockets hold.
  bool FreezesWithMoreThanTheSocketsHold(TestIntake& intake, TestPublisher& publisher) {
    if (!intake.Ready() || !publisher.Ready()) return false;
    broker_.Freeze();
    publisher.Publish("r", std::string(8 << 20, 'x'), Qos::kAtLeastOnce);
    return true;
  }
  // MQTT 5 goes by the client's Receive Maximum, 3.1.1 by the broker's own bound.
  static constexpr uint16_t kWindow = 10;
  Mosquitto broker_{{.config = "max_inflight_messages 10\n"}};
};
INSTANTIATE_TEST_SUITE_P(Dialects, WireTest, testing::ValuesIn(WireDialects()), DialectName);

TEST_P(WireTest, APauseClosesTheBrokersWindowAndOpensItAgain) {
  TestIntake intake(Options(), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  intake->Pause("queue full");
  EXPECT_EQ(intake->State().detail, "paused: queue full");
  EXPECT_FALSE(intake->State().ready);
  MqttDevice device(broker_.uri());
  for (const std::string& number : Numbers(0, 30)) device.Publish("a", number, Qos::kAtLeastOnce);
  // QoS 0 goes on; it was published last, so all else that comes has come.
  device.Publish("a", "qos0", Qos::kAtMostOnce);
  intake.messages().WaitUntil([](const std::vector<InboundMessage>& all) {
    return !all.empty() && all.back().message->qos == Qos::kAtMostOnce;
  });
  EXPECT_EQ(intake.messages().values().size(), 11u);
  intake->Resume();
  EXPECT_TRUE(intake.Ready());
  std::vector<std::string> all = Payloads(intake.messages().WaitFor(31));
  std::erase(all, "qos0");
  EXPECT_EQ(all, Numbers(0, 30));
}

// How often `text` stands in `log`.
size_t CountOf(const std::string& text, const std::string& log) {
  size_t count = 0;
  for (size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++count;
  return count;
}

// Connected, and connected no second time, for four of its keep-alive periods.
void ExpectToStayConnected(TestIntake& intake, const Mosquitto& broker) {
  Counter& connects = intake.metrics().GetCounter("sluice_mqtt_connects_total", "",
                                                  {{"connection", "plant"}, {"role", "intake"}, {"result", "ok"}});
  const size_t before = CountOf("Received PINGREQ from sluice-0", broker.log());
  EXPECT_TRUE(Eventually([&] { return CountOf("Received PINGREQ from sluice-0", broker.log()) >= before + 4; }));
  EXPECT_EQ(connects.value(), 1u);
  EXPECT_EQ(intake->State().detail, "paused: queue full");
}

TEST_P(WireTest, APauseDoesNotCostTheConnectionWhileTheBrokerHasMoreThanTheWindow) {
  MqttOptions options = Options();
  options.keep_alive_s = 1;
  TestIntake intake(options, kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  intake->Pause("queue full");
  MqttDevice device(broker_.uri());
  for (const std::string& number : Numbers(0, 30)) device.Publish("a", number, Qos::kAtLeastOnce);
  ASSERT_EQ(intake.messages().WaitFor(kWindow).size(), kWindow);
  ExpectToStayConnected(intake, broker_);
  // It reads all the while: answers to its pings, and messages of QoS 0.
  device.Publish("a", "qos0", Qos::kAtMostOnce);
  EXPECT_EQ(Payloads(intake.messages().WaitFor(kWindow + 1)).back(), "qos0");
}

// Without a bound of its own and without a Receive Maximum the broker fills the socket, its answers to pings behind all
// that. Leaving a share then goes unanswered, too.
TEST(WireMqtt311Test, APauseDoesNotCostTheConnectionToABrokerThatSendsWithoutEnd) {
  constexpr size_t kMessages = 300;
  Mosquitto broker({.config = "max_inflight_messages 0\nmax_queued_messages 0\n"});
  MqttOptions options = OptionsFor(broker.uri(), {MqttDriver::kWire, /*mqtt5=*/false});
  options.keep_alive_s = 1;
  options.receive_maximum = 10;
  options.connect_timeout = Millis{1'000};
  TestIntake intake(options, {kSubscriptions[0], {.filter = "$share/g/b", .qos = Qos::kAtLeastOnce, .id = 2}});
  ASSERT_TRUE(intake.Ready());
  intake->Pause("queue full");
  MqttDevice device(broker.uri());
  const std::string large(100'000, 'x');
  for (size_t i = 0; i < kMessages; ++i) device.Publish("a", large, Qos::kAtLeastOnce);
  intake->StayOut({1});
  ExpectToStayConnected(intake, broker);
  EXPECT_LT(intake.messages().values().size(), 100u) << "what is not acknowledged stays with the broker";
  intake->Resume();
  EXPECT_EQ(intake.messages().WaitFor(kMessages).size(), kMessages);
  EXPECT_TRUE(intake.Ready());
}

TEST_P(WireTest, APausedIntakeDoesNotStopReplies) {
  TestIntake intake(Options(), kSubscriptions);
  TestPublisher publisher(Options());
  ASSERT_TRUE(intake.Ready() && publisher.Ready());
  intake->Pause("queue full");
  MqttDevice device(broker_.uri());
  for (const std::string& number : Numbers(0, 30)) device.Publish("a", number, Qos::kAtLeastOnce);
  ASSERT_EQ(intake.messages().WaitFor(kWindow).size(), kWindow);
  device.Subscribe("reply");
  std::vector<uint64_t> tokens;
  for (const std::string& number : Numbers(0, 100)) {
    tokens.push_back(publisher.Publish("reply", number, Qos::kAtLeastOnce));
  }
  EXPECT_EQ(Payloads(device.received().WaitFor(100)), Numbers(0, 100));
  EXPECT_EQ(publisher.OutcomeOf(tokens.back()).code, PublishOutcome::Code::kOk);
  EXPECT_EQ(intake->State().detail, "paused: queue full");
}

TEST_P(WireTest, WhatTheSinkRefusesIsOfferedAgainOnTheSameConnection) {
  StubbornSink sink;
  MetricsRegistry metrics;
  auto intake = MakeWireIntake(Options(), kSubscriptions, sink, Clock::Real(), metrics);
  intake->Start();
  ASSERT_TRUE(Eventually([&] { return intake->State().ready; }));
  MqttDevice device(broker_.uri());
  device.Publish("a", "1", Qos::kAtLeastOnce);
  device.Publish("a", "2", Qos::kExactlyOnce);
  ASSERT_TRUE(Eventually([&] { return sink.refused >= 2; }));
  EXPECT_FALSE(intake->State().ready);
  EXPECT_EQ(intake->State().detail, "messages cannot be taken in: disk full");
  sink.willing = true;
  std::vector<InboundMessage> messages = sink.messages.WaitFor(2);
  EXPECT_THAT(Payloads(messages), ElementsAre("1", "2"));
  EXPECT_FALSE(messages.at(0).message->dup) << "the connection was kept";
  EXPECT_TRUE(Eventually([&] { return intake->State().ready; }));
  ASSERT_TRUE(Eventually([&] { return sink.released.values().size() == 1; }));
  EXPECT_EQ(sink.released.values().at(0), messages.at(1).packet_id);
  intake->Stop(Clock::Real().Now() + kTestDeadline);
}

TEST_P(WireTest, WhatTheSinkRefusedComesAgainFromTheBrokerWhenTheConnectionBreaks) {
  TcpProxy proxy(broker_.port());
  MqttOptions options = Options();
  options.uri = proxy.uri();
  StubbornSink sink;
  MetricsRegistry metrics;
  auto intake = MakeWireIntake(options, kSubscriptions, sink, Clock::Real(), metrics);
  intake->Start();
  ASSERT_TRUE(Eventually([&] { return intake->State().ready; }));
  MqttDevice device(broker_.uri());
  device.Publish("a", "1", Qos::kExactlyOnce);
  ASSERT_TRUE(Eventually([&] { return sink.refused >= 1; }));
  proxy.Cut();
  sink.willing = true;
  std::vector<InboundMessage> messages = sink.messages.WaitFor(1);
  EXPECT_THAT(Payloads(messages), ElementsAre("1"));
  intake->Stop(Clock::Real().Now() + kTestDeadline);
}

// A process that ends between its PUBREC and the broker's PUBREL, and the next one.
TEST(WireQos2, WhatAnEarlierProcessTookOverComesNoSecondTime) {
  FakeBroker broker;
  MqttOptions options = OptionsFor(broker.uri(), {});
  std::vector<uint16_t> taken;
  {
    StubbornSink sink;
    sink.willing = true;
    broker.Play([](FakeBroker::Peer&, const FakeBroker::Packet& packet) {
      return packet.first >> 4 == 5;  // PUBREC: swallowed.
    });
    MetricsRegistry metrics;
    auto intake = MakeWireIntake(options, kSubscriptions, sink, Clock::Real(), metrics);
    intake->Start();
    ASSERT_TRUE(Eventually([&] { return broker.HasSubscriber(); }));
    ASSERT_TRUE(broker.Deliver("a", "once", 2));
    taken.push_back(sink.messages.WaitFor(1).at(0).packet_id);
    intake->Stop(Clock::Real().Now() + kTestDeadline);
  }
  broker.Play({});
  StubbornSink sink;
  sink.willing = true;
  sink.unreleased = taken;
  MetricsRegistry metrics;
  auto intake = MakeWireIntake(options, kSubscriptions, sink, Clock::Real(), metrics);
  intake->Start();
  ASSERT_TRUE(Eventually([&] { return intake->State().ready; }));
  std::string body;
  mqtt_bytes::AppendString(body, "a");
  mqtt_bytes::AppendTwoBytes(body, taken[0]);
  body += std::string(1, '\0') + "once";  // No properties.
  ASSERT_TRUE(broker.SendToSubscriber(mqtt_bytes::MakePacket(0x3c, body))) << "PUBLISH, QoS 2, DUP";
  ASSERT_TRUE(Eventually([&] { return sink.released.values().size() == 1; })) << "PUBREC, and the broker's PUBREL";
  ASSERT_TRUE(broker.Deliver("a", "another", 2));
  EXPECT_THAT(Payloads(sink.messages.WaitFor(1)), ElementsAre("another"));
  intake->Stop(Clock::Real().Now() + kTestDeadline);
}

TEST_P(WireTest, NothingOfQos2ComesTwiceOverLostConnections) {
  TcpProxy proxy(broker_.port());
  MqttOptions options = Options();
  options.uri = proxy.uri();
  TestIntake intake(options, kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  MqttDevice device(broker_.uri());
  intake->Pause("to have them unacknowledged");
  for (const std::string& number : Numbers(0, 20)) device.Publish("a", number, Qos::kExactlyOnce);
  ASSERT_EQ(intake.messages().WaitFor(10).size(), 10u);
  proxy.Cut();
  intake->Resume();
  EXPECT_EQ(Payloads(intake.messages().WaitFor(20)), Numbers(0, 20));
}

TEST_P(WireTest, ABrokerThatFallsSilentIsNoticed) {
  MqttOptions options = Options();
  options.keep_alive_s = 1;
  TestIntake intake(options, kSubscriptions);
  TestPublisher publisher(options);
  ASSERT_TRUE(intake.Ready() && publisher.Ready());
  broker_.Freeze();
  EXPECT_TRUE(Eventually([&] { return !intake->State().ready && !publisher->State().ready; }));
  broker_.Thaw();
  EXPECT_TRUE(intake.Ready());
  EXPECT_TRUE(publisher.Ready());
}

TEST_P(WireTest, StopsInTimeBesideAFrozenBroker) {
  TestIntake intake(Options(), kSubscriptions);
  TestPublisher publisher(Options());
  ASSERT_TRUE(FreezesWithMoreThanTheSocketsHold(intake, publisher));
  const SteadyTime before = Clock::Real().Now();
  intake->Stop(before + kTestDeadline);
  publisher->Stop(before + kTestDeadline);
  EXPECT_LT(Clock::Real().Now() - before, kTestDeadline);
  broker_.Thaw();
}

TEST_P(WireTest, DoesNotWaitTwiceForAFrozenBroker) {
  TestIntake intake(Options(), kSubscriptions);
  TestPublisher publisher(Options());
  ASSERT_TRUE(FreezesWithMoreThanTheSocketsHold(intake, publisher));
  const SteadyTime before = Clock::Real().Now();
  intake->Stop(before);
  publisher->Stop(before);
  // As the destructors do.
  intake->Stop(before + kTestDeadline);
  publisher->Stop(before + kTestDeadline);
  EXPECT_LT(Clock::Real().Now() - before, kTestDeadline);
  broker_.Thaw();
}

TEST_P(WireTest, ALargeMessageIsNotCopied) {
  TestIntake intake(Options(), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  MqttDevice device(broker_.uri());
  device.Publish("a", "small");
  device.Publish("a", std::string(1 << 20, 'x'));
  std::vector<InboundMessage> messages = intake.messages().WaitFor(2);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].message->storage, nullptr);
  ASSERT_NE(messages[1].message->storage, nullptr);
  EXPECT_EQ(messages[1].message->payload, std::string(1 << 20, 'x'));
}

TEST(WireEgressMqtt5Test, Qos2ReachesSubscribersOnceOverLostConnections) {
  Mosquitto broker({.config = "max_queued_messages 0\n"});
  TcpProxy proxy(broker.port());
  TestIntake subscriber(OptionsFor(broker.uri()), {{.filter = "r", .qos = Qos::kExactlyOnce, .id = 1}});
  TestPublisher publisher(OptionsFor(proxy.uri()));
  ASSERT_TRUE(subscriber.Ready() && publisher.Ready());
  constexpr int kRounds = 10;
  constexpr int kPerRound = 200;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kPerRound; ++i) {
      publisher.Publish("r", std::to_string(round * kPerRound + i), Qos::kExactlyOnce);
    }
    publisher.outcomes().WaitFor(static_cast<size_t>(round * kPerRound + 50));
    proxy.Cut();
  }
  EXPECT_EQ(publisher->Flush(Clock::Real().Now() + kTestDeadline), 0u);
  const std::vector<std::string> expected = Numbers(0, kRounds * kPerRound);
  const std::vector<std::string> received = Payloads(subscriber.messages().WaitFor(expected.size()));
  EXPECT_EQ(received.size(), expected.size());
  const auto [got, wanted] = std::ranges::mismatch(received, expected);
  EXPECT_TRUE(got == received.end()) << "got " << *got << " in the place of " << *wanted;
}

}  // namespace
}  // namespace sluice
