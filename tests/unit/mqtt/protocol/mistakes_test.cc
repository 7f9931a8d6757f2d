// What a broker may not send, and what ends the connection, with the reason that the standard has for it. What is only
// passed over: bad_packets_test.cc.
#include "tests/unit/mqtt/protocol/fixture.h"

namespace sluice::wire {
namespace {

using testing::IsEmpty;

constexpr uint8_t kMalformed = 0x81;
constexpr uint8_t kViolation = 0x82;

struct Mistake {
  std::string name;  // Of the test.
  std::string bytes;
  uint8_t reason = kMalformed;
};

std::string MistakeName(const testing::TestParamInfo<Mistake>& info) { return info.param.name; }

// In both versions the same: bytes without properties, or of packets that have none.
std::vector<Mistake> CommonMistakes() {
  return {
      // MQTT-2.1.3-1; 3.1.1: MQTT-2.2.2-1, -2. DISCONNECT: MQTT-3.14.1-1; PUBREL: MQTT-3.6.1-1.
      {"ReservedType", Packet(0x00, "")},
      {"PubackFlags", Packet(0x42, U16(1))},
      {"PubrecFlags", Packet(0x51, U16(1))},
      {"PubrelFlags", Packet(0x60, U16(1))},
      {"PubcompFlags", Packet(0x74, U16(1))},
      {"SubackFlags", Packet(0x98, U16(1) + U8(0) + U8(0))},
      {"UnsubackFlags", Packet(0xB2, U16(1))},
      {"PingrespFlags", Packet(0xD1, "")},
      // The direction of flow, table 2-1.
      {"ConnectFromABroker", Packet(0x10, ""), kViolation},
      {"SubscribeFromABroker", Packet(0x82, ""), kViolation},
      {"UnsubscribeFromABroker", Packet(0xA2, ""), kViolation},
      {"PingreqFromABroker", Packet(0xC0, ""), kViolation},
      // MQTT-3.2.0-2.
      {"SecondConnack", Packet(0x20, U16(0)), kViolation},
      {"RemainingLengthWithoutEnd", "\x30\xFF\xFF\xFF\xFF"},
  };
}

std::vector<Mistake> Mqtt5Mistakes() {
  return {
      {"DisconnectFlags", Packet(0xE1, "")},
      {"DisconnectWithTrailingBytes", Packet(0xE0, U8(0) + U8(0) + U8(0))},
      // MQTT-3.14.2-2.
      {"DisconnectWithSessionExpiry", Packet(0xE0, U8(0) + Props("\x11" + U32(1)))},
      {"AuthFlags", Packet(0xF1, "")},
      // MQTT-3.3.4-9: the maximum that was announced is 3.
      {"ReceiveMaximumExceeded",
       PublishPacket(true, 2, "t", 1, "") + PublishPacket(true, 4, "t", 2, "") + PublishPacket(true, 2, "t", 3, "") +
           PublishPacket(true, 2, "t", 4, ""),
       0x93},
      // MQTT-3.1.2-24: the maximum that was announced is 1,000. The body need not be there.
      {"PacketTooLarge", "\x90" + Varint(998), 0x95},
  };
}

std::vector<Mistake> Mqtt311Mistakes() {
  return {
      {"DisconnectFromABroker", Packet(0xE0, ""), kViolation},
      {"AuthInMqtt311", Packet(0xF0, ""), kViolation},
      {"PacketTooLarge", "\x90" + Varint(998), 0x95},
  };
}

ConnectOptions LimitedTo(bool mqtt5) {
  ConnectOptions options = Peer::OptionsOf(mqtt5);
  options.receive_maximum = 3;
  options.max_packet_bytes = 1'000;
  options.topic_alias_maximum = 2;
  return options;
}

// MQTT-4.13.1-1, MQTT-4.13.2-1, MQTT-3.14.2-1.
class Mqtt5Mistake : public testing::TestWithParam<Mistake> {};
TEST_P(Mqtt5Mistake, EndsWithDisconnect) {
  Peer peer(LimitedTo(true));
  peer.Establish();
  peer.Receive(GetParam().bytes);
  EXPECT_EQ(peer.error(), GetParam().reason) << peer.error_text();
  EXPECT_EQ(peer.SentHex(), Hex(Packet(0xE0, U8(GetParam().reason))));
  EXPECT_FALSE(peer->connected());
  EXPECT_THAT(peer.Receive(PublishPacket(true, 0, "t", 0, "")), IsEmpty());
}
INSTANTIATE_TEST_SUITE_P(Common, Mqtt5Mistake, testing::ValuesIn(CommonMistakes()), MistakeName);
INSTANTIATE_TEST_SUITE_P(Mqtt5, Mqtt5Mistake, testing::ValuesIn(Mqtt5Mistakes()), MistakeName);

// 3.1.1: MQTT-4.8.0-1. A DISCONNECT would make the broker drop the will.
class Mqtt311Mistake : public testing::TestWithParam<Mistake> {};
TEST_P(Mqtt311Mistake, EndsWithoutDisconnect) {
  Peer peer(LimitedTo(false));
  peer.Establish();
  peer.Receive(GetParam().bytes);
  EXPECT_EQ(peer.error(), GetParam().reason) << peer.error_text();
  EXPECT_EQ(peer.Sent(), "");
  EXPECT_FALSE(peer->connected());
}
INSTANTIATE_TEST_SUITE_P(Common, Mqtt311Mistake, testing::ValuesIn(CommonMistakes()), MistakeName);
INSTANTIATE_TEST_SUITE_P(Mqtt311, Mqtt311Mistake, testing::ValuesIn(Mqtt311Mistakes()), MistakeName);

// ---------------------------------------------------------------------------------------------- instead of a CONNACK

std::vector<Mistake> ConnackMistakes5() {
  const auto with = [](const std::string& list) { return ConnackPacket(true, false, 0, list); };
  return {
      // MQTT-3.2.0-1; DISCONNECT: MQTT-3.14.0-1.
      {"PublishFirst", PublishPacket(true, 0, "t", 0, ""), kViolation},
      {"DisconnectFirst", Packet(0xE0, U8(0x87)), kViolation},
      {"AuthFirst", Packet(0xF0, U8(0x18)), kViolation},
      {"PingrespFirst", Packet(0xD0, ""), kViolation},
      {"CutOff", Packet(0x20, U8(0))},
      {"WithoutProperties", Packet(0x20, U16(0))},
      {"TrailingBytes", Packet(0x20, U16(0) + U8(0) + U8(0))},
      {"Flags", Packet(0x21, U16(0) + U8(0))},
      {"AcknowledgeFlags", Packet(0x20, U8(2) + U8(0) + U8(0))},             // MQTT-3.2.2-1.
      {"UnknownCode", Packet(0x20, U8(0) + U8(6) + U8(0)), kViolation},      // MQTT-3.2.2-8.
      {"RefusalWithASession", ConnackPacket(true, true, 0x87), kViolation},  // MQTT-3.2.2-6.
      {"SessionAfterACleanStart", ConnackPacket(true, true), kViolation},    // MQTT-3.2.2-2, -4.
      {"ReceiveMaximum0", with("\x21" + U16(0)), kViolation},
      {"MaximumQos2", with("\x24" + U8(2)), kViolation},
      {"MaximumPacketSize0", with("\x27" + U32(0)), kViolation},
      {"RetainAvailable2", with("\x25" + U8(2)), kViolation},
      {"SharedAvailable2", with("\x2a" + U8(2)), kViolation},
      {"ReceiveMaximumTwice", with("\x21" + U16(1) + "\x21" + U16(1)), kViolation},
      {"PropertyOfPublish", with("\x02" + U32(1))},
      {"AuthenticationMethod", with("\x15" + Str("m"))},  // MQTT-4.12.0-6.
      {"AssignedClientIdInvalidUtf8", with("\x12" + Str("\xFF"))},
  };
}

std::vector<Mistake> ConnackMistakes311() {
  return {
      {"PublishFirst", PublishPacket(false, 0, "t", 0, ""), kViolation},  // 3.1.1: MQTT-3.2.0-1.
      {"CutOff", Packet(0x20, U8(0))},
      {"TrailingBytes", Packet(0x20, U16(0) + U8(0))},
      {"AcknowledgeFlags", Packet(0x20, U8(3) + U8(0))},
      {"UnknownCode", Packet(0x20, U8(0) + U8(6)), kViolation},
      {"RefusalWithASession", ConnackPacket(false, true, 5), kViolation},   // 3.1.1: MQTT-3.2.2-4.
      {"SessionAfterACleanStart", ConnackPacket(false, true), kViolation},  // 3.1.1: MQTT-3.2.2-1.
  };
}

void ExpectNoAnswer(bool mqtt5, const Mistake& mistake) {
  ConnectOptions options = Peer::OptionsOf(mqtt5);
  options.clean_start = true;
  Peer peer(options);
  peer->Connect();
  peer.Sent();
  EXPECT_THAT(peer.Receive(mistake.bytes), IsEmpty());
  EXPECT_EQ(peer.error(), mistake.reason) << peer.error_text();
  EXPECT_EQ(peer.Sent(), "");
  EXPECT_FALSE(peer->connected());
}

// §3.14: a client may disconnect once it is connected, so it only closes.
class Mqtt5ConnackMistake : public testing::TestWithParam<Mistake> {};
TEST_P(Mqtt5ConnackMistake, EndsWithoutDisconnect) { ExpectNoAnswer(true, GetParam()); }
INSTANTIATE_TEST_SUITE_P(Mqtt5, Mqtt5ConnackMistake, testing::ValuesIn(ConnackMistakes5()), MistakeName);

class Mqtt311ConnackMistake : public testing::TestWithParam<Mistake> {};
TEST_P(Mqtt311ConnackMistake, EndsWithoutDisconnect) { ExpectNoAnswer(false, GetParam()); }
INSTANTIATE_TEST_SUITE_P(Mqtt311, Mqtt311ConnackMistake, testing::ValuesIn(ConnackMistakes311()), MistakeName);

// ---------------------------------------------------------------------------------------------- what errors say

TEST(MistakeText, NamesTheMethodOfAuthenticationThatTheBrokerAsksFor) {
  Peer peer(Peer::OptionsOf(true));
  peer->Connect();
  // Properties come in any order.
  peer.Receive(Packet(0xF0, U8(0x18) + Props("\x1F" + Str("who are you?") + "\x16" + Str("challenge") + "\x15" +
                                             Str("SCRAM-SHA-256"))));
  EXPECT_EQ(peer.error_text(),
            "AUTH: the broker asks for the authentication method 'SCRAM-SHA-256', which the gateway does not have; it "
            "has user names with passwords, and certificates");
}

TEST(MistakeText, NamesThePacketAndWhatIsWrong) {
  Peer peer(LimitedTo(true));
  peer.Establish();
  peer.Receive(Packet(0xE0, U8(0) + Props("\x11" + U32(1))));
  EXPECT_EQ(peer.error_text(), "DISCONNECT: the Session Expiry Interval is not allowed here");
  peer.Reconnect(false);
  peer.Receive("\x90" + Varint(998));
  EXPECT_EQ(peer.error_text(), "SUBACK: has 1001 bytes, more than the 1000 that are allowed");
}

// ---------------------------------------------------------------------------------------------- what is no mistake

using NoMistake = BothVersions;
INSTANTIATE_TEST_SUITE_P(Mqtt, NoMistake, testing::Bool(), VersionName);

// MQTT-1.5.4-3; 3.1.1: MQTT-1.5.3-3. And control characters: a broker may let them pass, and so may a client.
TEST_P(NoMistake, AByteOrderMarkIsPartOfTheTopic) {
  peer_.Establish();
  EXPECT_THAT(peer_.Receive(PublishPacket(Mqtt5(), 0,
                                          "\xEF\xBB\xBF"
                                          "a\x01",
                                          0, "")),
              testing::ElementsAre("publish \xEF\xBB\xBF"
                                   "a\x01 ''"));
}

TEST_P(NoMistake, APacketOfExactlyTheMaximumSize) {
  Peer peer(LimitedTo(Mqtt5()));
  peer.Establish();
  const size_t header = PublishPacket(Mqtt5(), 0, "t", 0, std::string(500, 'x')).size() - 500;
  EXPECT_EQ(peer.Receive(PublishPacket(Mqtt5(), 0, "t", 0, std::string(1'000 - header, 'x'))).size(), 1u);
  EXPECT_FALSE(peer.error());
}

// §3.1.2.11.4: such a packet is an error, and a broker that does not count the fixed header makes it.
TEST_P(NoMistake, ABrokerMayBeAllowedToMiscountTheSize) {
  ConnectOptions options = LimitedTo(Mqtt5());
  options.packet_limit = options.max_packet_bytes + 5;
  Peer peer(options);
  peer.Establish();
  const size_t header = PublishPacket(Mqtt5(), 0, "t", 0, std::string(500, 'x')).size() - 500;
  EXPECT_EQ(peer.Receive(PublishPacket(Mqtt5(), 0, "t", 0, std::string(1'005 - header, 'x'))).size(), 1u);
  EXPECT_FALSE(peer.error());
}

// MQTT 3.1.1 §2.2.3 does not ask for the shortest form, and some brokers leave room for the longest. MQTT 5 does
// (MQTT-1.5.5-1), but there is no doubt where the packet ends.
TEST_P(NoMistake, APaddedRemainingLength) {
  peer_.Establish();
  EXPECT_THAT(peer_.Receive(std::string("\xD0\x80\x00", 3)), testing::ElementsAre("pingresp"));
  EXPECT_FALSE(peer_.error());
}

// Brokers that do not look at properties pass it on; to close for it would be to close for ever.
TEST(NoMistakeMqtt5, AnEmptyResponseTopicIsNone) {
  Peer peer(true);
  peer.Establish();
  peer.Receive(PublishPacket(true, 0, "t", 0, "", "\x08" + Str("") + "\x02" + U32(1)));
  EXPECT_FALSE(peer.error());
}

// §3.3.2.3.2: a receiver MAY check that a payload is what its indicator says. To workers a payload is bytes.
TEST(NoMistakeMqtt5, APayloadThatIsNotTheUtf8ItSaysItIs) {
  Peer peer(true);
  peer.Establish();
  EXPECT_THAT(peer.Receive(PublishPacket(true, 0, "t", 0, "\xFF", "\x01" + U8(1))),
              testing::ElementsAre("publish t '\xFF' utf8"));
}

}  // namespace
}  // namespace sluice::wire
