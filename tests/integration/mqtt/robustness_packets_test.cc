// Brokers that send what is no MQTT, or what MQTT does not allow: intake says what is wrong, connects again, and works.
#include "tests/integration/mqtt/robustness.h"

namespace sluice {
namespace {

using mqtt_bytes::kConnect;
using mqtt_bytes::kPuback;
using mqtt_bytes::kPublish;
using mqtt_bytes::kSubscribe;
using mqtt_bytes::MakePacket;
using Versions = Story::Versions;
using Packet = FakeBroker::Packet;

std::string Raw(std::string_view bytes) { return std::string(bytes); }
// A PUBLISH that begins so, with a Remaining Length of 268,435,450.
const std::string kHugePublish("\x30\xFA\xFF\xFF\x7F\0\1a", 8);

Bytes Sends(std::string_view topic, uint8_t qos = 0, uint16_t packet_id = 0, std::string_view properties = "") {
  return [=, topic = Raw(topic), properties = Raw(properties)](const FakeBroker& broker, const Packet&) {
    return broker.Publish(topic, "x", qos, packet_id, properties);
  };
}

void ImpatientConnect(MqttOptions& options) { options.connect_timeout = Millis{300}; }
void KeepAliveOfASecond(MqttOptions& options) { options.keep_alive_s = 1; }
void SmallPackets(MqttOptions& options) {
  options.max_packet_bytes = 1u << 20;
  options.keep_alive_s = 1;
}
std::vector<Story> GarbageStories() {
  auto huge_and_silent = [](FakeBroker& broker, FakeBroker::Peer& peer, const Packet& packet) {
    if (packet.type() != kSubscribe) return false;
    peer.FallSilent();
    return peer.Send(broker.Suback(packet.body, "\1") + kHugePublish);
  };
  return {
      {.name = "AnHttpServer",
       .trick = InsteadOf(kConnect, Exactly("HTTP/1.1 400 Bad Request\r\n\r\n")),
       .detail = "PUBACK: the flags of the fixed header are 8"},
      {.name = "ATlsServer",
       .trick = InsteadOf(kConnect, Exactly({"\x15\x03\x03\0\x02\x02\x28", 7})),
       .detail = "CONNECT: no broker may send it"},
      {.name = "ZeroesInsteadOfConnack",
       .trick = InsteadOf(kConnect, Exactly(std::string(64, '\0'))),
       .detail = "packet of type 0: the type is reserved"},
      {.name = "OnesOnceSubscribed",
       .trick = OnceSubscribed(Exactly(std::string(64, '\xFF'))),
       .detail = "AUTH: the Remaining Length does not end after four bytes"},
      {.name = "ARemainingLengthOfFiveBytes",
       .trick = OnceSubscribed(Exactly("\x30\x80\x80\x80\x80\x01")),
       .detail = "PUBLISH: the Remaining Length does not end after four bytes"},
      {.name = "ARemainingLengthOfFiveBytesInsteadOfConnack",
       .trick = InsteadOf(kConnect, Exactly("\x20\xFF\xFF\xFF\xFF\x01")),
       .detail = "CONNACK: the Remaining Length does not end after four bytes"},
      {.name = "ALargerPacketThanAllowed",
       .trick = OnceSubscribed(Exactly(kHugePublish)),
       .detail = "a PUBLISH to 'a' of 268435455 bytes does not come to its end",
       .prepare = SmallPackets},
      {.name = "APacketWithoutEndThatIsNotTooLarge",
       .trick = OnceSubscribed(Exactly({"\x30\x7F\0\1a", 5})),
       .detail = "a PUBLISH to 'a' of 129 bytes does not come to its end",
       .prepare = KeepAliveOfASecond},
      {.name = "AHugePacketThatNeverComes",
       .trick = huge_and_silent,
       .detail = "the broker has not answered a ping in time",
       .prepare = KeepAliveOfASecond},
      {.name = "APacketForServersOnly",
       .trick = OnceSubscribed(Exactly({"\xC0\0", 2})),
       .detail = "PINGREQ: no broker may send it"},
      {.name = "DisconnectFromABrokerOfMqtt311",
       .trick = OnceSubscribed(Exactly({"\xE0\0", 2})),
       .detail = "DISCONNECT: no broker may send it",
       .versions = Versions::kMqtt311},
  };
}

std::vector<Story> ConnackStories() {
  auto publish_first = [](const FakeBroker& broker, const Packet&) {
    return broker.Publish("a", "early") + broker.Connack(0);
  };
  auto twice = [](const FakeBroker& broker, const Packet&) { return broker.Connack(0) + broker.Connack(0); };
  auto suback_first = [](const FakeBroker& broker, const Packet& packet) { return broker.Suback(packet.body, "\1"); };
  return {
      {.name = "NoConnack",
       .trick = InsteadOf(kConnect, Exactly("")),
       .detail = "no answer to CONNECT from",
       .prepare = ImpatientConnect},
      {.name = "HalfAConnack",
       .trick = InsteadOf(kConnect, Exactly("\x20")),
       .detail = "no answer to CONNECT from",
       .prepare = ImpatientConnect},
      {.name = "ConnackTwice", .trick = InsteadOf(kConnect, twice), .detail = "CONNACK: comes a second time"},
      {.name = "PublishBeforeConnack",
       .trick = InsteadOf(kConnect, publish_first),
       .detail = "PUBLISH: comes before CONNACK"},
      {.name = "SubackInsteadOfConnack",
       .trick = InsteadOf(kConnect, suback_first),
       .detail = "SUBACK: comes before CONNACK"},
      {.name = "AConnackWithoutACode",
       .trick = InsteadOf(kConnect, Exactly({"\x20\1\0", 3})),
       .detail = "CONNACK: is shorter than its fields"},
      {.name = "AConnackWithReservedFlags",
       .trick = InsteadOf(kConnect, Exactly({"\x20\3\2\0\0", 5})),
       .detail = "CONNACK: ",
       .versions = Versions::kMqtt5},
      {.name = "AConnackWithAReservedCode",
       .trick = InsteadOf(kConnect, [](const FakeBroker& broker, const Packet&) { return broker.Connack(0x7F); }),
       .detail = "CONNACK: the code 127 is reserved"},
      {.name = "AConnackWithAnUnknownProperty",
       .trick = InsteadOf(kConnect,
                          [](const FakeBroker& broker, const Packet&) { return broker.Connack(0, false, "\x7F\1"); }),
       .detail = "CONNACK: ",
       .versions = Versions::kMqtt5},
      {.name = "AReceiveMaximumOfZero",
       .trick = InsteadOf(
           kConnect, [](const FakeBroker& broker, const Packet&) { return broker.Connack(0, false, {"\x21\0\0", 3}); }),
       .detail = "CONNACK: ",
       .versions = Versions::kMqtt5},
      {.name = "ASessionAfterACleanStart",
       .trick = InsteadOf(kConnect, [](const FakeBroker& broker, const Packet&) { return broker.Connack(0, true); }),
       .detail = "CONNACK: a session is present after a clean start",
       .prepare = [](MqttOptions& options) { options.clean_session = true; }},
  };
}

// The connection goes on, and it is asked again.
std::vector<Story> SubackStories() {
  auto with = [](std::string_view codes) {
    return InsteadOf(kSubscribe, [codes = Raw(codes)](const FakeBroker& broker, const Packet& packet) {
      return broker.Suback(packet.body, codes);
    });
  };
  auto another = [](const FakeBroker& broker, const Packet&) { return broker.Suback("\x12\x34", "\1"); };
  auto puback = [](const FakeBroker& broker, const Packet& packet) {
    return broker.Ack(kPuback, mqtt_bytes::Cursor(packet.body).TwoBytes());
  };
  return {
      {.name = "ASubackForSomethingElse", .trick = InsteadOf(kSubscribe, another)},
      {.name = "ASubackWithoutACode", .trick = with("")},
      {.name = "ASubackWithTooManyCodes", .trick = with("\1\1")},
      {.name = "ASubackWithAReservedCode", .trick = with("\3")},
      {.name = "ASubackWithPacketIdentifierZero", .trick = InsteadOf(kSubscribe, Exactly({"\x90\3\0\0\1", 5}))},
      {.name = "APubackForASubscribe", .trick = InsteadOf(kSubscribe, puback)},
  };
}

// Their detail is what wire counts them as.
std::vector<Story> PublishStories() {
  return {
      {.name = "ATopicThatIsNotUtf8", .trick = OnceSubscribed(Sends("a\xC0\x80")), .detail = "topic"},
      {.name = "ATopicWithASurrogate", .trick = OnceSubscribed(Sends("a\xED\xA0\x80")), .detail = "topic"},
      {.name = "ATopicWithNul", .trick = OnceSubscribed(Sends({"a\0b", 3})), .detail = "topic"},
      {.name = "ATopicWithAWildcard", .trick = OnceSubscribed(Sends("a/#")), .detail = "topic"},
      {.name = "NoTopic", .trick = OnceSubscribed(Sends("")), .detail = "topic", .versions = Versions::kMqtt5},
      {.name = "AnEmptyTopic", .trick = OnceSubscribed(Sends("")), .detail = "topic", .versions = Versions::kMqtt311},
      {.name = "ATopicLongerThanItsPacket",
       .trick = OnceSubscribed(Exactly({"\x30\3\xFF\xFF"
                                        "a",
                                        5})),
       .detail = "length"},
      {.name = "QosThree", .trick = OnceSubscribed(Exactly({"\x36\5\0\1a\0\1", 7})), .detail = "flags"},
      {.name = "PacketIdentifierZero", .trick = OnceSubscribed(Sends("a", 1, 0)), .detail = "packet_id"},
      {.name = "ATopicAliasNeverDefined",
       .trick = OnceSubscribed(Sends("", 0, 0, {"\x23\0\1", 3})),
       .detail = "topic_alias",
       .versions = Versions::kMqtt5},
      {.name = "TopicAliasZero",
       .trick = OnceSubscribed(Sends("a", 0, 0, {"\x23\0\0", 3})),
       .detail = "topic_alias",
       .versions = Versions::kMqtt5},
      {.name = "ATopicAliasAboveTheMaximum",
       .trick = OnceSubscribed(Sends("a", 0, 0, {"\x23\x7F\0", 3})),
       .detail = "topic_alias",
       .versions = Versions::kMqtt5},
      {.name = "PropertiesLongerThanThePacket",
       .trick = OnceSubscribed(Exactly({"\x30\6\0\1a\x7F\1\1", 8})),
       .detail = "properties",
       .versions = Versions::kMqtt5},
      {.name = "APayloadFormatThereIsNot",
       .trick = OnceSubscribed(Sends("a", 1, 7, "\1\2")),
       .detail = "property_value",
       .versions = Versions::kMqtt5},
      {.name = "AResponseTopicWithAWildcard",
       .trick = OnceSubscribed(Sends("a", 2, 7, {"\x08\0\1#", 4})),
       .detail = "property_value",
       .versions = Versions::kMqtt5},
  };
}

class RobustPacketsTest : public testing::TestWithParam<StoryAndDialect> {};
INSTANTIATE_TEST_SUITE_P(Garbage, RobustPacketsTest, testing::ValuesIn(With(AllDialects(), GarbageStories())),
                         StoryName);
INSTANTIATE_TEST_SUITE_P(Connack, RobustPacketsTest, testing::ValuesIn(With(AllDialects(), ConnackStories())),
                         StoryName);
// Paho has its own mind about these, too.
INSTANTIATE_TEST_SUITE_P(Suback, RobustPacketsTest, testing::ValuesIn(With(PahoDialects(), SubackStories())),
                         StoryName);
// Paho has its own mind about these; wire: see below.
INSTANTIATE_TEST_SUITE_P(Publish, RobustPacketsTest, testing::ValuesIn(With(PahoDialects(), PublishStories())),
                         StoryName);

TEST_P(RobustPacketsTest, IntakeSaysWhatIsWrongAndComesBack) {
  PlayToIntake(std::get<Story>(GetParam()), std::get<Dialect>(GetParam()));
}

class RobustAnswerTest : public testing::TestWithParam<StoryAndDialect> {};
INSTANTIATE_TEST_SUITE_P(Suback, RobustAnswerTest, testing::ValuesIn(With(WireDialects(), SubackStories())), StoryName);

TEST_P(RobustAnswerTest, IntakeAsksAgainAndTheConnectionLives) {
  const auto& [story, dialect] = GetParam();
  FakeBroker broker(dialect.mqtt5);
  std::atomic<bool> wrong{true};
  broker.Play([&trick = story.trick, &broker, &wrong](FakeBroker::Peer& peer, const Packet& packet) {
    return wrong && trick(broker, peer, packet);
  });
  MqttOptions options = OptionsFor(broker.uri(), dialect);
  ImpatientConnect(options);
  TestIntake intake(options, {{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1}});
  ASSERT_TRUE(intake.DetailHas("subscription 'a' refused: the broker's answer cannot be understood"));
  wrong = false;
  ASSERT_TRUE(Eventually([&] { return broker.HasSubscriber() && intake->State().ready; })) << intake->State().detail;
  ASSERT_TRUE(broker.Deliver("a", "after"));
  EXPECT_EQ(intake.messages().WaitUntil([](const auto& all) { return !all.empty(); }).size(), 1u);
  EXPECT_EQ(broker.connections(), 1);
}

class RobustPublishTest : public testing::TestWithParam<StoryAndDialect> {};
INSTANTIATE_TEST_SUITE_P(Publish, RobustPublishTest, testing::ValuesIn(With(WireDialects(), PublishStories())),
                         StoryName);

// Any client that may publish can make a broker send these.
TEST_P(RobustPublishTest, IntakePassesOverWhatIsWrongInsideAndTheConnectionLives) {
  const auto& [story, dialect] = GetParam();
  FakeBroker broker(dialect.mqtt5);
  broker.Play([&trick = story.trick, &broker](FakeBroker::Peer& peer, const Packet& packet) {
    return trick(broker, peer, packet) && peer.Send(broker.Publish("a", "after", 1, 99));
  });
  TestIntake intake(OptionsFor(broker.uri(), dialect), {{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1}});
  const auto came = [](const std::vector<InboundMessage>& all) {
    return !all.empty() && all.back().message->payload == "after";
  };
  const std::vector<InboundMessage> all = intake.messages().WaitUntil(came);
  ASSERT_TRUE(came(all)) << intake->State().detail;
  EXPECT_TRUE(all.back().undeliverable.empty());
  EXPECT_THAT(all.front().undeliverable, testing::StartsWith("malformed PUBLISH"));
  EXPECT_EQ(broker.connections(), 1);
  EXPECT_EQ(intake.metrics()
                .GetCounter("sluice_mqtt_malformed_packets_total", "",
                            {{"connection", "plant"}, {"role", "intake"}, {"reason", story.detail}})
                .value(),
            1u);
}

}  // namespace
}  // namespace sluice
