// Brokers that confirm late, wrongly or never: every message handed over gets its outcome, and none is lost.
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/integration/mqtt/robustness.h"

namespace sluice {
namespace {

using mqtt_bytes::kConnect;
using mqtt_bytes::kPuback;
using mqtt_bytes::kPubcomp;
using mqtt_bytes::kPublish;
using mqtt_bytes::kPubrec;
using mqtt_bytes::MakePacket;
using Code = PublishOutcome::Code;
using Packet = FakeBroker::Packet;
using Peer = FakeBroker::Peer;
using Versions = Story::Versions;

constexpr int kMessages = 60;
// How many connections go wrong before one goes well.
constexpr int kBadConnections = 3;
// Of which PUBLISH of a connection on.
constexpr int kGoodPublishes = 5;

uint16_t IdentifierOf(const Packet& publish) {
  mqtt_bytes::Cursor in(publish.body);
  in.String();
  return in.TwoBytes();
}

// Each bad connection confirms some PUBLISHes, and does this at a later one.
Story::Trick AtAPublish(std::function<void(FakeBroker& broker, Peer& peer, const Packet& packet)> act) {
  // A story is told to several brokers.
  auto publishes = std::make_shared<std::map<std::pair<std::string, int>, int>>();
  return [=](FakeBroker& broker, Peer& peer, const Packet& packet) {
    if (packet.type() == kConnect) (*publishes)[{broker.uri(), peer.number()}] = 0;
    if (peer.number() > kBadConnections || packet.type() != kPublish) return false;
    if (++(*publishes)[{broker.uri(), peer.number()}] <= kGoodPublishes) return false;
    act(broker, peer, packet);
    return true;
  };
}

Story::Trick Answers(Bytes bytes) {
  return AtAPublish(
      [bytes](FakeBroker& broker, Peer& peer, const Packet& packet) { peer.Send(bytes(broker, packet)); });
}

// The acknowledgement of another QoS than the message's.
std::string AckOfAnotherQos(const FakeBroker& broker, const Packet& publish) {
  return broker.Ack(publish.qos() == 1 ? kPubrec : kPuback, IdentifierOf(publish));
}
// Not PUBACK for QoS 2, with which brokers of MQTT 3.1.1 say that they took it at QoS 1.
std::string PubrecForQos1(const FakeBroker& broker, const Packet& publish) {
  return publish.qos() == 1 ? broker.Ack(kPubrec, IdentifierOf(publish)) : std::string();
}

std::vector<Story> Stories() {
  auto ack = [](mqtt_bytes::PacketType type) {
    return Answers(
        [type](const FakeBroker& broker, const Packet& packet) { return broker.Ack(type, IdentifierOf(packet)); });
  };
  auto suback = [](const FakeBroker& broker, const Packet& packet) {
    std::string id;
    mqtt_bytes::AppendTwoBytes(id, IdentifierOf(packet));
    return broker.Suback(id, "\1");
  };
  auto half_an_ack = [](FakeBroker&, Peer& peer, const Packet&) {
    peer.Send("\x40\2");
    peer.Close();
  };
  auto keep_alive_of_a_second = [](MqttOptions& options) { options.keep_alive_s = 1; };
  // How long it is waited for a confirmation once one could not be read.
  auto impatient = [](MqttOptions& options) { options.connect_timeout = Millis{300}; };
  const std::string astray = "an acknowledgement could not be read; what is not confirmed is published again";
  return {
      {.name = "Closes",
       .trick = AtAPublish([](FakeBroker&, Peer& peer, const Packet&) { peer.Close(); }),
       .detail = "closed by the broker"},
      // A write that comes upon the reset finds the stream closed.
      {.name = "Resets",
       .trick = AtAPublish([](FakeBroker&, Peer& peer, const Packet&) { peer.Reset(); }),
       .detail = "by the broker"},
      {.name = "ClosesInTheMiddleOfAPuback", .trick = AtAPublish(half_an_ack), .detail = "closed by the broker"},
      {.name = "FallsSilent",
       .trick = AtAPublish([](FakeBroker&, Peer& peer, const Packet&) { peer.FallSilent(); }),
       .detail = "the broker has not answered a ping in time",
       .prepare = keep_alive_of_a_second},
      {.name = "ForgetsTheSession",
       .trick = AtAPublish([](FakeBroker& broker, Peer& peer, const Packet&) {
         broker.ForgetSessions();
         peer.Close();
       }),
       .detail = "closed by the broker"},
      {.name = "ConfirmsAnotherQos",
       .trick = Answers(AckOfAnotherQos),
       .detail = astray,
       .versions = Versions::kMqtt5,
       .prepare = impatient},
      {.name = "ConfirmsAnotherQos",
       .trick = Answers(PubrecForQos1),
       .detail = astray,
       .versions = Versions::kMqtt311,
       .prepare = impatient},
      {.name = "CompletesWhatItHasNotReceived", .trick = ack(kPubcomp), .detail = astray, .prepare = impatient},
      {.name = "AnswersWithSuback", .trick = Answers(suback), .detail = astray, .prepare = impatient},
      {.name = "ConfirmsPacketIdentifierZero",
       .trick = Answers(Exactly({"\x40\2\0\0", 4})),
       .detail = astray,
       .prepare = impatient},
      {.name = "ConfirmsWithTooFewBytes",
       .trick = Answers(Exactly({"\x40\1\0", 3})),
       .detail = astray,
       .prepare = impatient},
      {.name = "SaysGarbage",
       .trick = Answers(Exactly(std::string(32, '\xFF'))),
       .detail = "the Remaining Length does not end after four bytes"},
      {.name = "DisconnectsOverQuota",
       .trick = Answers(Exactly(FakeBroker::Disconnect(0x97))),
       .detail = "disconnected by the broker: 0x97 quota exceeded",
       .versions = Versions::kMqtt5},
      {.name = "DisconnectsOverATakeover",
       .trick = Answers(Exactly(FakeBroker::Disconnect(0x8E))),
       .detail = "disconnected by the broker: 0x8E session taken over",
       .versions = Versions::kMqtt5},
  };
}

class RobustEgressStoriesTest : public testing::TestWithParam<StoryAndDialect> {};
INSTANTIATE_TEST_SUITE_P(Egress, RobustEgressStoriesTest, testing::ValuesIn(With(WireDialects(), Stories())),
                         StoryName);

TEST_P(RobustEgressStoriesTest, LosesNothingAndKeepsOrder) {
  const Story& story = std::get<Story>(GetParam());
  const Dialect dialect = std::get<Dialect>(GetParam());
  FakeBroker broker(dialect.mqtt5);
  broker.Play([&story, &broker](Peer& peer, const Packet& packet) { return story.trick(broker, peer, packet); });
  MqttOptions options = OptionsFor(broker.uri(), dialect);
  options.max_reconnect_interval = Millis{300};  // Time to see the detail.
  story.prepare(options);
  TestPublisher publisher(options);
  for (int i = 0; i < kMessages; ++i) {
    publisher.Publish("qos1", std::to_string(i), Qos::kAtLeastOnce);
    publisher.Publish("qos2", std::to_string(i), Qos::kExactlyOnce);
  }
  EXPECT_TRUE(Eventually([&] { return publisher->State().detail.find(story.detail) != std::string::npos; }))
      << publisher->State().detail;
  EXPECT_EQ(publisher->Flush(Clock::Real().Now() + kTestDeadline), 0u) << publisher->State().detail;
  EXPECT_EQ(broker.connections(), kBadConnections + 1);

  std::set<uint64_t> tokens;
  for (const PublishOutcome& outcome : publisher.outcomes().values()) {
    EXPECT_EQ(outcome.code, Code::kOk);
    EXPECT_TRUE(tokens.insert(outcome.token).second) << "a second outcome of " << outcome.token;
  }
  EXPECT_EQ(tokens.size(), size_t{2} * kMessages);
  // What the broker took: per QoS, first arrivals are in order, and none is missing.
  std::map<std::string, std::vector<std::string>> first;
  std::set<std::string> seen;
  for (const FakeBroker::Published& published : broker.published().values()) {
    if (seen.insert(published.topic + published.payload).second) first[published.topic].push_back(published.payload);
  }
  std::vector<std::string> expected;
  for (int i = 0; i < kMessages; ++i) expected.push_back(std::to_string(i));
  EXPECT_EQ(first["qos1"], expected);
  EXPECT_EQ(first["qos2"], expected);
}

class RobustEgressTest : public testing::TestWithParam<Dialect> {
 protected:
  FakeBroker broker_{GetParam().mqtt5};
  MqttOptions Options() { return OptionsFor(broker_.uri(), GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Dialects, RobustEgressTest, testing::ValuesIn(WireDialects()), DialectName);

TEST_P(RobustEgressTest, TakesConfirmationsThatComeLateAndInAnotherOrder) {
  broker_.HoldAcks();
  TestPublisher publisher(Options());
  for (int i = 0; i < 10; ++i) publisher.Publish("r", std::to_string(i), static_cast<Qos>(1 + i % 2));
  ASSERT_TRUE(Eventually([&] { return broker_.held_acks() == 10; }));
  EXPECT_TRUE(publisher.outcomes().values().empty());
  broker_.ReleaseAcks(/*reversed=*/true);
  EXPECT_EQ(publisher->Flush(Clock::Real().Now() + kTestDeadline), 0u);
  for (const PublishOutcome& outcome : publisher.outcomes().values()) EXPECT_EQ(outcome.code, Code::kOk);
  EXPECT_EQ(broker_.connections(), 1);
}

TEST_P(RobustEgressTest, IgnoresConfirmationsOfWhatItNeverSent) {
  broker_.Play([&](Peer& peer, const Packet& packet) {
    if (packet.type() != kPublish) return false;
    peer.Send(broker_.Ack(kPuback, 4'711) + broker_.Ack(kPubrec, 4'712) + broker_.Ack(kPubcomp, 4'713));
    return false;
  });
  TestPublisher publisher(Options());
  EXPECT_EQ(publisher.OutcomeOf(publisher.Publish("r", "1", Qos::kAtLeastOnce)).code, Code::kOk);
  EXPECT_EQ(publisher.OutcomeOf(publisher.Publish("r", "2", Qos::kExactlyOnce)).code, Code::kOk);
  EXPECT_EQ(broker_.connections(), 1);
}

TEST_P(RobustEgressTest, ConfirmsComeByteByByte) {
  broker_.SendByteByByte();
  TestPublisher publisher(Options());
  for (int i = 0; i < 30; ++i) publisher.Publish("r", std::to_string(i), static_cast<Qos>(i % 3), false, true);
  EXPECT_EQ(publisher->Flush(Clock::Real().Now() + kTestDeadline), 0u);
  EXPECT_EQ(broker_.published().values().size(), 30u);
}

// A broker that sends what nobody subscribed to gets it acknowledged: it does not pile up, nor end the connection.
TEST_P(RobustEgressTest, AcknowledgesMessagesThatItNeverAskedFor) {
  MqttOptions options = Options();
  options.receive_maximum = 10;
  std::atomic<int> acknowledged{0};
  broker_.Play([&](Peer& peer, const Packet& packet) {
    if (packet.type() == kPuback) {
      const int count = ++acknowledged;
      if (count < 100) peer.Send(broker_.Publish("a", "x", 1, static_cast<uint16_t>(count)));
    }
    if (packet.type() == kPublish) peer.Send(broker_.Publish("a", "x", 1, 100));
    return false;
  });
  TestPublisher publisher(options);
  EXPECT_EQ(publisher.OutcomeOf(publisher.Publish("r", "x", Qos::kAtLeastOnce)).code, Code::kOk);
  EXPECT_TRUE(Eventually([&] { return acknowledged == 100; }));
  EXPECT_EQ(broker_.connections(), 1);
}

// As RabbitMQ's plug-in does, which knows no QoS 2.
TEST(RobustEgressMqtt311Test, TakesPubackForQos2) {
  FakeBroker broker(/*mqtt5=*/false);
  broker.Play([&](Peer& peer, const Packet& packet) {
    if (packet.type() != kPublish) return false;
    return peer.Send(broker.Ack(kPuback, IdentifierOf(packet)));
  });
  TestPublisher publisher(OptionsFor(broker.uri(), {.mqtt5 = false}));
  EXPECT_EQ(publisher.OutcomeOf(publisher.Publish("r", "x", Qos::kExactlyOnce)).code, Code::kOk);
  EXPECT_EQ(broker.connections(), 1);
}

class RobustEgressMqtt5Test : public testing::Test {
 protected:
  FakeBroker broker_;
};

TEST_F(RobustEgressMqtt5Test, KeepsWithinAReceiveMaximumThatShrinks) {
  broker_.Announce({"\x21\0\3", 3});
  broker_.HoldAcks();
  TestPublisher publisher(OptionsFor(broker_.uri()));
  for (int i = 0; i < 20; ++i) publisher.Publish("r", std::to_string(i), Qos::kAtLeastOnce);
  ASSERT_TRUE(Eventually([&] { return broker_.held_acks() == 3; }));
  EXPECT_FALSE(Eventually([&] { return broker_.held_acks() > 3; }, Millis{100}));
  // The same broker after a restart with another configuration.
  broker_.Announce({"\x21\0\1", 3});
  broker_.Behave();
  EXPECT_EQ(publisher->Flush(Clock::Real().Now() + kTestDeadline), 0u);
  EXPECT_EQ(broker_.connections(), 2);
}

TEST_F(RobustEgressMqtt5Test, KeepsWithinTheMaximumPacketSize) {
  broker_.Announce({"\x27\0\0\0\x64", 5});  // 100 bytes.
  TestPublisher publisher(OptionsFor(broker_.uri()));
  const uint64_t large = publisher.Publish("r", std::string(100, 'x'), Qos::kAtLeastOnce);
  const uint64_t small = publisher.Publish("r", "x", Qos::kAtLeastOnce);
  EXPECT_EQ(publisher.OutcomeOf(large).code, Code::kTooLarge);
  EXPECT_EQ(publisher.OutcomeOf(small).code, Code::kOk);
  EXPECT_EQ(broker_.connections(), 1);
}

TEST_F(RobustEgressMqtt5Test, TellsARefusalAndGoesOn) {
  broker_.Play([&](Peer& peer, const Packet& packet) {
    if (packet.type() != kPublish || packet.body.find("refused") == std::string::npos) return false;
    std::string body;
    mqtt_bytes::AppendTwoBytes(body, IdentifierOf(packet));
    body += '\x97';
    return peer.Send(MakePacket(static_cast<uint8_t>((packet.qos() == 1 ? kPuback : kPubrec) << 4), body));
  });
  TestPublisher publisher(OptionsFor(broker_.uri()));
  for (Qos qos : {Qos::kAtLeastOnce, Qos::kExactlyOnce}) {
    const PublishOutcome refused = publisher.OutcomeOf(publisher.Publish("r", "refused", qos));
    EXPECT_EQ(refused.code, Code::kRefused);
    EXPECT_EQ(refused.mqtt_reason_code, 0x97);
    EXPECT_EQ(publisher.OutcomeOf(publisher.Publish("r", "taken", qos)).code, Code::kOk);
  }
  EXPECT_EQ(broker_.connections(), 1);
}

}  // namespace
}  // namespace sluice
