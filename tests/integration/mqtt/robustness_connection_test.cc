// Brokers that close, refuse, fall silent or never stop: intake says so, connects again without haste, and works.
#include <array>
#include <atomic>
#include <cstdio>

#include "tests/integration/mqtt/robustness.h"

namespace sluice {
namespace {

using mqtt_bytes::kConnect;
using mqtt_bytes::kPingreq;
using mqtt_bytes::kSubscribe;
using Peer = FakeBroker::Peer;
using Packet = FakeBroker::Packet;
using Versions = Story::Versions;

const std::vector<Subscription> kSubscriptions = {{.filter = "a", .qos = Qos::kExactlyOnce, .id = 1}};

// The connection ends so when a packet of this type comes, after some bytes of an answer.
Story::Trick EndsAt(mqtt_bytes::PacketType type, void (Peer::*end)(), std::string bytes = "") {
  return [=](FakeBroker&, Peer& peer, const Packet& packet) {
    if (packet.type() != type) return false;
    peer.Send(bytes);
    (peer.*end)();
    return true;
  };
}

std::vector<Story> Stories() {
  auto deaf_to_pings = [](FakeBroker&, Peer&, const Packet& packet) { return packet.type() == kPingreq; };
  auto half_open = [](FakeBroker& broker, Peer& peer, const Packet& packet) {
    if (packet.type() != kSubscribe) return false;
    peer.FallSilent();
    return peer.Send(broker.Suback(packet.body, "\1"));
  };
  auto moved = [](const FakeBroker&, const Packet&) {
    std::string properties = "\x1C";
    mqtt_bytes::AppendString(properties, "other.example:1883");
    properties += '\x1F';
    mqtt_bytes::AppendString(properties, "maintenance");
    return FakeBroker::Disconnect(0x9D, properties);
  };
  auto keep_alive_of_a_second = [](MqttOptions& options) { options.keep_alive_s = 1; };
  auto impatient = [](MqttOptions& options) { options.connect_timeout = Millis{300}; };
  const std::string half_a_publish = "\x30\x7Fhalf";
  return {
      {.name = "ClosesInsteadOfConnack", .trick = EndsAt(kConnect, &Peer::Close), .detail = "closed by the broker"},
      {.name = "ResetsInsteadOfConnack",
       .trick = EndsAt(kConnect, &Peer::Reset),
       .detail = "connection reset by the broker"},
      {.name = "ClosesInTheMiddleOfConnack",
       .trick = EndsAt(kConnect, &Peer::Close, {"\x20\3\0", 3}),
       .detail = "closed by the broker"},
      {.name = "SaysNothingInsteadOfConnack",
       .trick = EndsAt(kConnect, &Peer::FallSilent),
       .detail = "no answer to CONNECT from",
       .prepare = impatient},
      {.name = "KnowsNoMqtt5AndCloses",
       .trick = EndsAt(kConnect, &Peer::Close),
       .detail = "closed by the broker; if it knows MQTT 3.1.1 only, set protocol to \"3.1.1\"",
       .versions = Versions::kMqtt5},
      {.name = "KnowsNoMqtt5AndSaysNothing",
       .trick = EndsAt(kConnect, &Peer::FallSilent),
       .detail = "is it an MQTT broker?; if it knows MQTT 3.1.1 only, set protocol to \"3.1.1\"",
       .versions = Versions::kMqtt5,
       .prepare = impatient},
      {.name = "KnowsNoMqtt5AndSaysSoWithAByteTooMany",
       .trick = EndsAt(kConnect, &Peer::Close, {"\x20\3\0\1\0", 5}),
       .detail = "0x84 unsupported protocol version: set protocol to \"3.1.1\"",
       .versions = Versions::kMqtt5},
      {.name = "ClosesAtSubscribe", .trick = EndsAt(kSubscribe, &Peer::Close), .detail = "closed by the broker"},
      {.name = "ClosesInTheMiddleOfAPacket",
       .trick = EndsAt(kSubscribe, &Peer::Close, half_a_publish),
       .detail = "closed by the broker"},
      {.name = "ResetsInTheMiddleOfAPacket",
       .trick = EndsAt(kSubscribe, &Peer::Reset, half_a_publish),
       .detail = "connection reset by the broker"},
      {.name = "NeverAnswersAPing",
       .trick = deaf_to_pings,
       .detail = "the broker has not answered a ping in time",
       .prepare = keep_alive_of_a_second},
      {.name = "IsHalfOpen",
       .trick = half_open,
       .detail = "the broker has not answered a ping in time",
       .prepare = keep_alive_of_a_second},
      {.name = "MovesElsewhere",
       .trick = OnceSubscribed(moved),
       .detail = "disconnected by the broker: 0x9D server moved ('maintenance'); the broker names 'other.example:1883' "
                 "instead",
       .versions = Versions::kMqtt5},
      {.name = "SaysGoodbyeWithoutAReason",
       .trick = OnceSubscribed(Exactly({"\xE0\0", 2})),
       .detail = "disconnected by the broker: 0x00",
       .versions = Versions::kMqtt5},
      {.name = "SaysGoodbyeBeforeConnack",
       .trick = InsteadOf(kConnect, Exactly(FakeBroker::Disconnect(0x89))),
       .detail = "DISCONNECT: comes before CONNACK",
       .versions = Versions::kMqtt5},
  };
}

class RobustEndsTest : public testing::TestWithParam<StoryAndDialect> {};
INSTANTIATE_TEST_SUITE_P(Ends, RobustEndsTest, testing::ValuesIn(With(AllDialects(), Stories())), StoryName);

TEST_P(RobustEndsTest, IntakeSaysSoAndComesBack) {
  PlayToIntake(std::get<Story>(GetParam()), std::get<Dialect>(GetParam()));
}

std::string Hex(uint8_t code) {
  std::array<char, 5> text{};
  std::snprintf(text.data(), text.size(), "0x%02X", code);
  return text.data();
}

class RobustConnectionTest : public testing::TestWithParam<Dialect> {
 protected:
  MqttOptions Options(const FakeBroker& broker) { return OptionsFor(broker.uri(), GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Dialects, RobustConnectionTest, testing::ValuesIn(AllDialects()), DialectName);

TEST_P(RobustConnectionTest, ReadsWhatComesByteByByte) {
  FakeBroker broker(GetParam().mqtt5);
  broker.SendByteByByte();
  TestIntake intake(Options(broker), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  for (uint8_t qos = 0; qos <= 2; ++qos)
    ASSERT_TRUE(broker.Deliver("a", std::string(300, static_cast<char>('0' + qos)), qos));
  const std::vector<InboundMessage> messages = intake.messages().WaitFor(3);
  ASSERT_EQ(messages.size(), 3u);
  for (size_t qos = 0; qos < 3; ++qos) EXPECT_EQ(messages[qos].message->payload.at(299), '0' + static_cast<char>(qos));
}

// Not an error in MQTT: answers may cross with a lost connection.
TEST_P(RobustConnectionTest, PassesOverAnswersToWhatItNeverSent) {
  FakeBroker broker(GetParam().mqtt5);
  TestIntake intake(Options(broker), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  for (auto type : {mqtt_bytes::kPuback, mqtt_bytes::kPubrec, mqtt_bytes::kPubrel, mqtt_bytes::kPubcomp}) {
    ASSERT_TRUE(broker.SendToSubscriber(broker.Ack(type, 4'711)));
  }
  ASSERT_TRUE(broker.SendToSubscriber(broker.Suback("\x12\x34", "\1")));
  ASSERT_TRUE(broker.Deliver("a", "after"));
  EXPECT_THAT(Payloads(intake.messages().WaitFor(1)), testing::ElementsAre("after"));
  EXPECT_EQ(broker.connections(), 1);
}

TEST_P(RobustConnectionTest, NamesEveryRefusal) {
  FakeBroker broker(GetParam().mqtt5);
  std::atomic<uint8_t> code{0};
  broker.Play([&](Peer& peer, const Packet&) {
    peer.Send(broker.Connack(code));
    peer.Close();
    return true;
  });
  std::vector<uint8_t> codes = {1, 2, 3, 4, 5};
  if (GetParam().mqtt5) {
    codes = {0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A,
             0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F, 0xFF};
  }
  code = codes.front();
  TestIntake intake(Options(broker), kSubscriptions);
  for (uint8_t each : codes) {
    code = each;
    const std::string number = GetParam().mqtt5 ? Hex(each) : std::to_string(each);
    EXPECT_TRUE(intake.DetailHas("refused by the broker: " + number));
  }
  broker.Behave();
  EXPECT_TRUE(intake.Ready());
}

TEST_P(RobustConnectionTest, DoesNotHammerABrokerThatAlwaysCloses) {
  FakeBroker broker(GetParam().mqtt5);
  broker.Play([](Peer& peer, const Packet& packet) {
    if (packet.type() == kSubscribe) peer.Close();
    return packet.type() == kSubscribe;
  });
  MqttOptions options = Options(broker);
  options.max_reconnect_interval = Millis{60'000};
  TestIntake intake(options, kSubscriptions);
  ASSERT_TRUE(Eventually([&] { return broker.connections() > 0; }));
  EXPECT_FALSE(Eventually([&] { return broker.connections() > 3; }, Millis{1'500}));
}

// What Paho leaves to itself, or trusts the broker in.
using RobustWireDialectTest = RobustConnectionTest;
INSTANTIATE_TEST_SUITE_P(Dialects, RobustWireDialectTest, testing::ValuesIn(WireDialects()), DialectName);

// Each PUBREL asks for a PUBCOMP, which the broker does not read: they must not pile up.
TEST_P(RobustWireDialectTest, StopsReadingWhereAnswersAreNotRead) {
  constexpr size_t kFlood = 64u << 20;
  FakeBroker broker(GetParam().mqtt5);
  std::atomic<size_t> taken{0};
  std::string pubrels;
  for (uint16_t id = 1; id <= 10'000; ++id) pubrels += broker.Ack(mqtt_bytes::kPubrel, id);
  broker.Play([&](Peer& peer, const Packet& packet) {
    if (packet.type() != kSubscribe || peer.number() > 1) return false;
    peer.Send(broker.Suback(packet.body, "\2"));
    while (taken < kFlood && peer.Send(pubrels)) taken += pubrels.size();
    return true;
  });
  MqttOptions options = Options(broker);
  options.keep_alive_s = 1;
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.DetailHas("the broker has not answered a ping in time"));
  EXPECT_LT(taken, kFlood);
  EXPECT_TRUE(Eventually([&] { return broker.connections() > 1 && intake->State().ready; }));
}

// The second connection would have been told that its session is new; the third is told that it is present.
TEST_P(RobustWireDialectTest, SubscribesAgainWhenTheNewsOfANewSessionWereLost) {
  FakeBroker broker(GetParam().mqtt5);
  broker.Play([](Peer& peer, const Packet& packet) {
    if (packet.type() == kConnect && peer.number() == 2) peer.Close();
    return false;
  });
  TestIntake intake(Options(broker), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  broker.ForgetSessions();
  ASSERT_TRUE(broker.SendToSubscriber({"\0\0", 2}));
  ASSERT_TRUE(Eventually([&] { return broker.connections() == 3 && broker.HasSubscriber(); }));
  ASSERT_TRUE(broker.Deliver("a", "after"));
  EXPECT_THAT(Payloads(intake.messages().WaitFor(1)), testing::ElementsAre("after"));
}

TEST(RobustWireTest, NamesEveryReasonOfADisconnect) {
  FakeBroker broker;
  std::atomic<uint8_t> code{0x80};
  broker.Play([&](Peer& peer, const Packet& packet) {
    if (packet.type() != kSubscribe) return false;
    broker.ForgetSessions();
    return peer.Send(broker.Suback(packet.body, "\1") + FakeBroker::Disconnect(code));
  });
  TestIntake intake(OptionsFor(broker.uri()), kSubscriptions);
  for (uint8_t each : std::initializer_list<uint8_t>{0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E,
                                                     0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A,
                                                     0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2, 0xFF}) {
    code = each;
    EXPECT_TRUE(intake.DetailHas("disconnected by the broker: " + Hex(each)));
  }
  broker.Behave();
  EXPECT_TRUE(Eventually([&] { return broker.HasSubscriber() && intake->State().ready; }));
}

// mosquitto 2.0 sends twice as many when acknowledgements reach it together (docs/brokers.md).
TEST(RobustWireTest, ForgivesMoreThanTheReceiveMaximum) {
  FakeBroker broker;
  MqttOptions options = OptionsFor(broker.uri());
  options.receive_maximum = 10;
  TestIntake intake(options, {{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1}});
  ASSERT_TRUE(Eventually([&] { return broker.HasSubscriber() && intake->State().ready; }));
  std::string packets;
  for (uint16_t id = 1; id <= 25; ++id) packets += broker.Publish("a", "x", 1, id);
  ASSERT_TRUE(broker.SendToSubscriber(packets));
  EXPECT_EQ(intake.messages().WaitFor(25).size(), 25u);
  EXPECT_EQ(broker.connections(), 1);
}

}  // namespace
}  // namespace sluice
