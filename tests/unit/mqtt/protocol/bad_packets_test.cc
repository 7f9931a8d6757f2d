// Packets that can be framed and are wrong inside: they are passed over, and acknowledged where that is possible. Any
// client that may publish can have a broker send them, and to close would only bring them again (MQTT 5.0 §4.13.1: a
// client SHOULD close).
#include <algorithm>
#include <tuple>

#include "tests/unit/mqtt/protocol/fixture.h"

namespace sluice::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

struct BadPublish {
  std::string name;   // Of the test.
  std::string topic;  // With its length.
  std::string list;   // Of properties, with its length; MQTT 5.
  FaultKind kind = FaultKind::kOther;
};

std::string NameOf(const testing::TestParamInfo<BadPublish>& info) { return info.param.name; }

// Wrong in both versions.
std::vector<BadPublish> BadTopics() {
  return {
      // MQTT-3.3.2-2, MQTT-4.7.0-1; 3.1.1: MQTT-3.3.2-2, MQTT-4.7.1-1.
      {"ToAWildcard", Str("a/#"), Props(""), FaultKind::kTopic},
      {"ToASingleLevelWildcard", Str("+/a"), Props(""), FaultKind::kTopic},
      // MQTT-1.5.4-1, -2, MQTT-3.3.2-1, MQTT-4.7.3-2; 3.1.1: MQTT-1.5.3-1, -2, MQTT-3.3.2-1.
      {"ToInvalidUtf8", Str("a\xC3("), Props(""), FaultKind::kTopic},
      {"ToASurrogate", Str("a\xED\xA0\x80"), Props(""), FaultKind::kTopic},
      {"ToU0000", Str(std::string_view("a\0b", 3)), Props(""), FaultKind::kTopic},
      // MQTT-4.7.3-1.
      {"ToNoTopic", Str(""), Props(""), FaultKind::kTopic},
  };
}

std::vector<BadPublish> BadProperties() {
  const auto with = [](std::string name, const std::string& list, FaultKind kind) {
    return BadPublish{std::move(name), Str("t"), Props(list), kind};
  };
  const std::string alias = "\x23" + U16(1);
  using enum FaultKind;
  return {
      {"PropertyLengthBeyondThePacket", Str("t"), Varint(5) + U8(1), kProperties},
      // MQTT-1.5.5-1.
      {"PaddedPropertyLength", Str("t"), std::string("\x80\0", 2), kProperties},
      {"PropertyLengthWithoutEnd", Str("t"), "\x80\x80\x80\x80\x01", kProperties},
      // §2.2.2.2.
      with("UnknownProperty", "\x7f" + U8(0), kProperties),
      with("PropertyOfAnotherPacket", "\x13" + U16(1), kProperties),
      with("AuthenticationMethod", "\x15" + Str("m"), kProperties),
      with("ReasonString", "\x1f" + Str("why"), kProperties),
      with("PropertyCutOff", "\x02" + U16(0), kProperties),
      with("PropertyTwice", "\x02" + U32(0) + "\x02" + U32(0), kProperties),
      with("CorrelationDataTwice", "\x09" + Str("") + "\x09" + Str(""), kProperties),
      with("UserPropertyCutOff", "\x26" + Str("k"), kProperties),
      with("SubscriptionIdentifierWithoutEnd", "\x0b\xFF\xFF\xFF\xFF\x01", kProperties),
      with("TopicAliasTwice", alias + alias, kProperties),
      with("PayloadFormatIndicatorTwice", "\x01" + U8(0) + "\x01" + U8(0), kProperties),
      with("UserPropertyLongerThanTheList", "\x26" + Str("k") + U16(9) + "v", kProperties),
      {"PropertyLengthOneBeyondThePacket", Str("t"), U8(3) + "\x01" + U8(1), kProperties},
      with("PayloadFormatIndicator2", "\x01" + U8(2), kPropertyValue),
      with("SubscriptionIdentifier0", "\x0b" + U8(0), kPropertyValue),
      // MQTT-3.3.2-13, -14.
      with("ResponseTopicWithAWildcard", "\x08" + Str("a/+"), kPropertyValue),
      with("ResponseTopicWithU0000", "\x08" + Str(std::string_view("a\0", 2)), kPropertyValue),
      with("ResponseTopicInvalidUtf8", "\x08" + Str("\xFF"), kPropertyValue),
      // MQTT-1.5.4-2, MQTT-3.3.2-19, MQTT-1.5.7-1.
      with("ContentTypeWithU0000", "\x03" + Str(std::string_view("a\0", 2)), kPropertyValue),
      with("ContentTypeInvalidUtf8", "\x03" + Str("\xFF"), kPropertyValue),
      with("UserPropertyNameInvalidUtf8", "\x26" + Str("\xFF") + Str(""), kPropertyValue),
      with("UserPropertyValueInvalidUtf8", "\x26" + Str("") + Str("\xFF"), kPropertyValue),
      // MQTT-3.1.2-26, -27, MQTT-3.3.2-8, -11. The maximum that was announced is 2.
      with("TopicAlias0", "\x23" + U16(0), kTopicAlias),
      with("TopicAliasAboveTheMaximum", "\x23" + U16(3), kTopicAlias),
      {"TopicAliasUnknown", Str(""), Props(alias), kTopicAlias},
  };
}

ConnectOptions Limited(bool mqtt5) {
  ConnectOptions options = Peer::OptionsOf(mqtt5);
  options.receive_maximum = 3;
  options.max_packet_bytes = 1'000;
  options.topic_alias_maximum = 2;
  return options;
}

// Sends it with each QoS; the connection lives, and the broker is told as if all had been well.
void ExpectToBePassedOver(bool mqtt5, const BadPublish& bad) {
  const auto publish = [&](unsigned flags, const std::string& id) {
    return Packet(0x30 | flags, bad.topic + id + (mqtt5 ? bad.list : ""));
  };
  const std::string kind(FaultName(bad.kind));
  Peer peer(Limited(mqtt5));
  peer.Establish();
  EXPECT_THAT(peer.Receive(publish(0, "")), ElementsAre(StartsWith("bad PUBLISH " + kind + " qos 0")));
  EXPECT_THAT(peer.Receive(publish(2, U16(7))), ElementsAre(StartsWith("bad PUBLISH " + kind + " qos 1 id 7")));
  EXPECT_EQ(peer.Sent(), "") << "not before somebody keeps it";
  peer.Acknowledge();
  EXPECT_EQ(peer.SentHex(), Hex(Puback(7)));

  EXPECT_THAT(peer.Receive(publish(4, U16(8))), ElementsAre(StartsWith("bad PUBLISH " + kind + " qos 2 id 8")));
  peer.Acknowledge();
  EXPECT_EQ(peer.SentHex(), Hex(Pubrec(8)));
  EXPECT_THAT(peer.Receive(publish(12, U16(8))), IsEmpty()) << "a duplicate";
  peer.Acknowledge();
  EXPECT_EQ(peer.SentHex(), Hex(Pubrec(8)));
  EXPECT_THAT(peer.Receive(Pubrel(8)), ElementsAre("released 8"));
  EXPECT_EQ(peer.SentHex(), Hex(Pubcomp(8)));

  EXPECT_THAT(peer.bad(), ElementsAre(publish(0, ""), publish(2, U16(7)), publish(4, U16(8))));
  EXPECT_THAT(peer.Receive(PublishPacket(mqtt5, 0, "t", 0, "")), ElementsAre("publish t ''"));
  EXPECT_FALSE(peer.error());
}

class Mqtt5BadPublish : public testing::TestWithParam<BadPublish> {};
TEST_P(Mqtt5BadPublish, IsPassedOverAndAcknowledged) { ExpectToBePassedOver(true, GetParam()); }
INSTANTIATE_TEST_SUITE_P(Topic, Mqtt5BadPublish, testing::ValuesIn(BadTopics()), NameOf);
INSTANTIATE_TEST_SUITE_P(Properties, Mqtt5BadPublish, testing::ValuesIn(BadProperties()), NameOf);

class Mqtt311BadPublish : public testing::TestWithParam<BadPublish> {};
TEST_P(Mqtt311BadPublish, IsPassedOverAndAcknowledged) { ExpectToBePassedOver(false, GetParam()); }
INSTANTIATE_TEST_SUITE_P(Topic, Mqtt311BadPublish, testing::ValuesIn(BadTopics()), NameOf);

// ---------------------------------------------------------------------------------------------- without an identifier

struct Anonymous {
  std::string name;
  std::string bytes;
  FaultKind kind = FaultKind::kOther;
};

std::vector<Anonymous> AnonymousPublishes() {
  return {
      // MQTT-3.3.1-4.
      {"Qos3", Packet(0x36, Str("t") + U16(1) + U8(0)), FaultKind::kFlags},
      // MQTT-2.2.1-4; 3.1.1: MQTT-2.3.1-1.
      {"PacketId0", Packet(0x32, Str("t") + U16(0) + U8(0)), FaultKind::kPacketId},
      {"WithoutPacketId", Packet(0x32, Str("t") + U8(1)), FaultKind::kLength},
      {"HalfATopic", Packet(0x32, U16(5) + "a/b"), FaultKind::kLength},
      {"Empty", Packet(0x34, ""), FaultKind::kLength},
  };
}

class AnonymousPublish : public testing::TestWithParam<std::tuple<bool, Anonymous>> {};
std::string AnonymousName(const testing::TestParamInfo<std::tuple<bool, Anonymous>>& info) {
  return (std::get<0>(info.param) ? "Mqtt5" : "Mqtt311") + std::get<1>(info.param).name;
}
INSTANTIATE_TEST_SUITE_P(Mqtt, AnonymousPublish,
                         testing::Combine(testing::Bool(), testing::ValuesIn(AnonymousPublishes())), AnonymousName);

// It can be passed over, but nobody can tell what to acknowledge: it comes again with the next connection.
TEST_P(AnonymousPublish, IsPassedOverAndKnownWhenItComesAgain) {
  const auto& [mqtt5, bad] = GetParam();
  Peer peer(Limited(mqtt5));
  peer.Establish();
  const std::string kind = "bad PUBLISH " + std::string(FaultName(bad.kind));
  EXPECT_THAT(peer.Receive(bad.bytes),
              ElementsAre(testing::AllOf(StartsWith(kind), testing::Not(testing::HasSubstr(" again")))));
  peer.Acknowledge();
  EXPECT_EQ(peer.Sent(), "");
  peer.Reconnect(true);
  std::string again = bad.bytes;
  again[0] = static_cast<char>(again[0] | 0x08);  // DUP.
  EXPECT_THAT(peer.Receive(again), ElementsAre(testing::AllOf(StartsWith(kind), testing::HasSubstr(" again"))));
  EXPECT_FALSE(peer.error());
}

using BadPackets = BothVersions;
INSTANTIATE_TEST_SUITE_P(Mqtt, BadPackets, testing::Bool(), VersionName);

// MQTT-3.3.1-2.
TEST_P(BadPackets, DupWithQos0IsPassedOver) {
  peer_.Establish();
  EXPECT_THAT(peer_.Receive(Packet(0x38, Str("t") + (Mqtt5() ? U8(0) : ""))),
              ElementsAre("bad PUBLISH flags qos 0 to 't': the DUP flag with QoS 0"));
  EXPECT_FALSE(peer_.error());
}

TEST_P(BadPackets, HaveTheirTurnAmongTheOthers) {
  peer_.Establish();
  peer_.Receive(PublishPacket(Mqtt5(), 2, "a", 1, "") + PublishPacket(Mqtt5(), 4, "a/#", 2, "") +
                PublishPacket(Mqtt5(), 2, "b", 3, ""));
  peer_.Acknowledge();
  EXPECT_EQ(peer_.SentHex(), Hex(Puback(1) + Pubrec(2) + Puback(3)));
}

TEST_P(BadPackets, CountAgainstTheReceiveMaximum) {
  if (!Mqtt5()) GTEST_SKIP() << "MQTT 3.1.1 has none";
  Peer peer(Limited(true));
  peer.Establish();
  for (unsigned id = 1; id <= 4; ++id) peer.Receive(PublishPacket(true, 2, "a/#", id, ""));
  EXPECT_EQ(peer.error(), 0x93);
}

TEST(BadPacket, MayGiveATopicAliasItsTopic) {
  Peer peer(Limited(true));
  peer.Establish();
  peer.Receive(PublishPacket(true, 0, "t", 0, "", "\x23" + U16(1) + "\x01" + U8(2)));
  EXPECT_THAT(peer.Receive(PublishPacket(true, 0, "", 0, "x", "\x23" + U16(1))), ElementsAre("publish t 'x'"));
}

// ---------------------------------------------------------------------------------------------- too large

// MQTT-3.1.2-24. MQTT 3.1.1 has no way to announce a maximum: any client may publish what is too large.
TEST_P(BadPackets, APublishThatIsTooLargePassesByAndIsAcknowledged) {
  Peer peer(Limited(Mqtt5()));
  peer.Establish();
  const std::string large = PublishPacket(Mqtt5(), 2, "t", 7, std::string(300'000, 'x'));
  EXPECT_THAT(peer.Receive(PublishPacket(Mqtt5(), 0, "a", 0, "")), SizeIs(1));
  // In pieces as a socket brings them; the client says how much it wants to have at once.
  Client::Progress progress;
  EventLog events;
  std::string buffer;
  size_t most_wanted = 0;
  for (size_t at = 0; at < large.size(); at += 1'000) {
    buffer += large.substr(at, 1'000);
    progress = peer->Receive(buffer, events);
    buffer.erase(0, progress.consumed);
    most_wanted = std::max(most_wanted, progress.wanted);
    EXPECT_FALSE(progress.error);
    if (at + 1'000 < large.size()) {
      EXPECT_THAT(events.Take(), IsEmpty());
    }
  }
  EXPECT_THAT(events.Take(), ElementsAre(StartsWith("bad PUBLISH too_large qos 1 id 7 to 't': has 3000")));
  EXPECT_LT(most_wanted, 70'000u) << "it is not kept";
  ASSERT_THAT(events.bad, SizeIs(1));
  EXPECT_TRUE(large.starts_with(events.bad[0]));
  EXPECT_FALSE(peer->passing_by());
  peer.Acknowledge();
  EXPECT_EQ(peer.SentHex(), Hex(Puback(7)));
  EXPECT_THAT(peer.Receive(PublishPacket(Mqtt5(), 0, "b", 0, "")), ElementsAre("publish b ''"));
}

TEST_P(BadPackets, HalfOfAPublishThatIsTooLargeIsForgottenWithItsConnection) {
  Peer peer(Limited(Mqtt5()));
  peer.Establish();
  EventLog events;
  peer->Receive(PublishPacket(Mqtt5(), 2, "t", 7, std::string(300'000, 'x')).substr(0, 100'000), events);
  EXPECT_TRUE(peer->passing_by());
  peer.Reconnect(true);
  EXPECT_FALSE(peer->passing_by());
  EXPECT_THAT(peer.Receive(PublishPacket(Mqtt5(), 0, "b", 0, "")), ElementsAre("publish b ''"));
}

// ---------------------------------------------------------------------------------------------- answers

TEST(BadAcknowledgement, CountsForWhatItsIdentifierSays) {
  const std::vector<std::string> bad = {
      Packet(0x40, U16(1) + U8(0) + U8(0) + U8(0)),           // Longer than its fields.
      Packet(0x40, U16(1) + U8(0) + Props("\x02" + U32(0))),  // A property of another packet.
      Packet(0x40, U16(1) + U8(0) + U8(9)),                   // A wrong property length.
  };
  for (const std::string& puback : bad) {
    Peer peer(true);
    peer.Establish();
    ASSERT_TRUE(peer->Publish(5, Message("t", "", 1)));
    EXPECT_THAT(peer.Receive(puback), ElementsAre(StartsWith("bad PUBACK "), "published 5 0"));
    EXPECT_FALSE(peer.error());
  }
  Peer peer(false);
  peer.Establish();
  ASSERT_TRUE(peer->Publish(5, Message("t", "", 1)));
  EXPECT_THAT(peer.Receive(Reasoned(0x40, 1, 0)), ElementsAre(StartsWith("bad PUBACK length"), "published 5 0"));
}

TEST_P(BadPackets, AnAcknowledgementWithoutAnIdentifierIsOneAstray) {
  peer_.Establish();
  ASSERT_TRUE(peer_->Publish(5, Message("t", "", 1)));
  for (const unsigned type : {0x40u, 0x50u, 0x70u}) {
    EXPECT_THAT(peer_.Receive(Packet(type, "")), ElementsAre(testing::HasSubstr(" length astray: ")));
    EXPECT_THAT(peer_.Receive(Packet(type, U8(1))), ElementsAre(testing::HasSubstr(" length astray: ")));
    EXPECT_THAT(peer_.Receive(Packet(type, U16(0))), ElementsAre(testing::HasSubstr(" packet_id astray: ")));
  }
  EXPECT_FALSE(peer_.error());
  EXPECT_EQ(peer_->unconfirmed(), 1u);
  EXPECT_THAT(peer_.Receive(Puback(1)), ElementsAre("published 5 0"));
}

// Nothing waits for these.
TEST_P(BadPackets, APubrelPingrespOrAuthThatIsWrongIsPassedOver) {
  peer_.Establish();
  EXPECT_THAT(peer_.Receive(Pubrel(0)), ElementsAre("bad PUBREL packet_id: the packet identifier is 0"));
  EXPECT_THAT(peer_.Receive(Packet(0x62, U8(1))), ElementsAre("bad PUBREL length: has no packet identifier"));
  peer_->Ping();
  EXPECT_THAT(peer_.Receive(Packet(0xD0, U8(0))),
              ElementsAre("bad PINGRESP length: is longer than its fields", "pingresp"));
  EXPECT_FALSE(peer_->ping_outstanding()) << "the broker is there";
  // MQTT-4.12.0-6, MQTT-3.15.1-1.
  if (Mqtt5()) {
    EXPECT_THAT(peer_.Receive(Packet(0xF0, "")), ElementsAre(StartsWith("bad AUTH other: ")));
    EXPECT_THAT(peer_.Receive(Packet(0xF0, U8(0x19) + Props("\x15" + Str("KERBEROS")))),
                ElementsAre(StartsWith("bad AUTH other: the broker asks for the authentication method 'KERBEROS'")));
  }
  EXPECT_FALSE(peer_.error());
}

// ---------------------------------------------------------------------------------------------- what closes

TEST_P(BadPackets, WhatCameBeforeAnErrorIsAcknowledgedBeforeTheEnd) {
  peer_.Establish();
  EventLog events;
  const Client::Progress progress = peer_->Receive(PublishPacket(Mqtt5(), 2, "a", 1, "") + Packet(0x00, ""), events);
  ASSERT_TRUE(progress.error);
  peer_.Acknowledge();
  peer_->EndAfterError();
  EXPECT_EQ(peer_.SentHex(), Hex(Puback(1) + (Mqtt5() ? Packet(0xE0, U8(0x81)) : "")));
  peer_.Acknowledge();
  EXPECT_EQ(peer_.Sent(), "") << "nothing follows the end";
}

// Such a broker would close every connection. Where the packet ends is certain enough, and it is small.
TEST_P(BadPackets, AFixedHeaderThatHasEndedTwoConnectionsIsGotPast) {
  peer_.Establish();
  const std::string flags = Packet(0x60, U16(7));
  const std::string pingreq = Packet(0xC0, "");
  for (const std::string& bytes : {flags, pingreq, ConnackPacket(Mqtt5(), false)}) {
    for (int connection = 1; connection <= 2; ++connection) {
      peer_.Receive(bytes);
      ASSERT_TRUE(peer_.error()) << connection;
      peer_.Reconnect(true);
    }
    EXPECT_THAT(peer_.Receive(bytes), testing::Contains(StartsWith("bad "))) << Hex(bytes);
    EXPECT_FALSE(peer_.error());
  }
  peer_.Sent();
  EXPECT_THAT(peer_.Receive(flags), ElementsAre(StartsWith("bad PUBREL other: the flags"), "released 7"));
  EXPECT_EQ(peer_.SentHex(), Hex(Mqtt5() ? Reasoned(0x70, 7, 0x92) : Pubcomp(7))) << "taken for what it says";
}

// What looks like a packet behind one whose length is wrong may be anybody's payload.
TEST_P(BadPackets, WhatIsLikelyNoPacketIsNeverGotPast) {
  peer_.Establish();
  for (const std::string& bytes :
       {std::string("hello, and then some text that is 101 bytes and more"), Packet(0, "")}) {
    for (int connection = 1; connection <= 4; ++connection) {
      peer_.Receive(bytes);
      EXPECT_TRUE(peer_.error()) << bytes << connection;
      peer_.Reconnect(true);
    }
  }
}

TEST_P(BadPackets, WhatCannotBeFramedIsSaidToComeAgain) {
  peer_.Establish();
  const std::string astray = PublishPacket(Mqtt5(), 0, "plant/\x01", 0, "x") + "\x30\xFF\xFF\xFF\xFF";
  peer_.Receive(astray);
  EXPECT_EQ(peer_.error_text(), "PUBLISH: the Remaining Length does not end after four bytes");
  EXPECT_EQ(peer_.topic_before(), "plant/?");
  peer_.Reconnect(true);
  peer_.Receive(astray);
  peer_.Reconnect(true);
  peer_.Receive(astray);
  EXPECT_THAT(peer_.error_text(), testing::HasSubstr("; the same bytes have ended 3 connections"));
}

}  // namespace
}  // namespace sluice::wire
