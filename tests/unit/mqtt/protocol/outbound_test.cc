// What is published: packet identifiers, confirmations, what survives a reconnect.
#include "tests/unit/mqtt/protocol/fixture.h"

namespace sluice::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Outbound : public BothVersions {
 protected:
  bool Publish(uint64_t token, int qos) { return peer_->Publish(token, Message("t", std::to_string(token), qos)); }
  std::string PublishOf(uint64_t token, unsigned qos, unsigned id, bool dup = false) {
    return PublishPacket(Mqtt5(), qos << 1 | (dup ? 8 : 0), "t", id, std::to_string(token));
  }
};
INSTANTIATE_TEST_SUITE_P(Mqtt, Outbound, testing::Bool(), VersionName);

TEST_P(Outbound, SendsPropertiesWithMqtt5Only) {
  peer_.Establish();
  OutboundMessage message = Message("t", "body", 0);
  message.properties = std::make_unique<Properties>(Properties{.content_type = "c",
                                                               .response_topic = "r",
                                                               .correlation_data = "",
                                                               .user = {{"k", "v"}, {"", ""}},
                                                               .expiry_s = 1});
  peer_->Publish(0, message);
  const std::string list = "\x02" + U32(1) + "\x03" + Str("c") + "\x08" + Str("r") + "\x09" + Str("") + "\x26" +
                           Str("k") + Str("v") + "\x26" + Str("") + Str("");
  EXPECT_EQ(peer_.SentHex(), Hex(PublishPacket(Mqtt5(), 0, "t", 0, "body", list)));
}

TEST_P(Outbound, SendsRemainingLengthsOfEverySize) {
  peer_.Establish();
  for (size_t size : {0u, 127u, 128u, 16'383u, 16'384u, 2'097'151u, 2'097'152u}) {
    peer_->Publish(0, Message("t", std::string(size, 'x'), 0));
    EXPECT_TRUE(peer_.Sent() == PublishPacket(Mqtt5(), 0, "t", 0, std::string(size, 'x'))) << size;
  }
}

// MQTT-2.2.1-3, MQTT-4.3.2-1, MQTT-4.3.3-1; 3.1.1: MQTT-2.3.1-1, -2.
TEST_P(Outbound, GivesNoIdentifierThatIsInUseAndSaysWhenThereIsNone) {
  peer_.Establish();
  const SubscribeRequest request{.filter = "a"};
  EXPECT_EQ(peer_->Subscribe({&request, 1}), 1);
  for (uint64_t token = 2; token <= 65'535; ++token) ASSERT_TRUE(Publish(token, 1));
  EXPECT_FALSE(Publish(0, 1));
  EXPECT_EQ(peer_->Subscribe({&request, 1}), 0);
  const std::string_view filter = "a";
  EXPECT_EQ(peer_->Unsubscribe({&filter, 1}), 0);
  EXPECT_TRUE(Publish(0, 0));
  EXPECT_THAT(peer_.Receive(Puback(300)), ElementsAre("published 300 0"));
  peer_.Sent();
  EXPECT_TRUE(Publish(70'000, 1));
  EXPECT_EQ(peer_.SentHex(), Hex(PublishOf(70'000, 1, 300)));
}

TEST_P(Outbound, IdentifiersGoRound) {
  peer_.Establish();
  for (unsigned i = 1; i <= 65'535; ++i) {
    Publish(i, 1);
    peer_.Receive(Puback(i));
  }
  peer_.Sent();
  Publish(1, 1);
  EXPECT_EQ(peer_.SentHex(), Hex(PublishOf(1, 1, 1)));
}

// MQTT-4.6.0-4; 3.1.1 the same.
TEST_P(Outbound, ReleasesInTheOrderOfThePubrecs) {
  peer_.Establish();
  for (uint64_t token = 1; token <= 3; ++token) Publish(token, 2);
  peer_.Sent();
  peer_.Receive(Pubrec(2) + Pubrec(3) + Pubrec(1));
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrel(2) + Pubrel(3) + Pubrel(1)));
  peer_.Reconnect(/*session_present=*/true);
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrel(2) + Pubrel(3) + Pubrel(1)));
}

// MQTT-4.4.0-1, MQTT-4.6.0-1, MQTT-3.3.1-1, MQTT-4.3.3-6; 3.1.1: MQTT-4.4.0-1, MQTT-4.6.0-1, MQTT-2.3.1-3,
// MQTT-3.3.1-1.
TEST_P(Outbound, IsSentAgainAsItWasWhenTheSessionIsPresent) {
  peer_.Establish();
  Publish(31, 1);
  Publish(20, 2);
  Publish(10, 2);
  Publish(30, 1);
  peer_.Receive(Pubrec(2));
  peer_.Reconnect(/*session_present=*/true);
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrel(2)));
  EXPECT_EQ(peer_->unconfirmed(), 4u);
  for (unsigned token : {31u, 20u, 10u, 30u}) EXPECT_TRUE(Publish(token, token >= 30 ? 1 : 2));
  EXPECT_TRUE(Publish(40, 1));
  EXPECT_EQ(peer_.SentHex(), Hex(PublishOf(31, 1, 1, true) + PublishOf(10, 2, 3, true) + PublishOf(30, 1, 4, true) +
                                 PublishOf(40, 1, 5)));
  EXPECT_THAT(peer_.Receive(Puback(1) + Pubcomp(2) + Pubrec(3) + Puback(4) + Puback(5) + Pubcomp(3)),
              ElementsAre("published 31 0", "published 20 0", "published 30 0", "published 40 0", "published 10 0"));
  EXPECT_EQ(peer_->unconfirmed(), 0u);
}

// MQTT-3.2.2-5; 3.1.1: MQTT-3.1.2-6.
TEST_P(Outbound, IsSentAsNewWhenTheSessionIsGone) {
  peer_.Establish();
  Publish(1, 1);
  Publish(2, 2);
  Publish(3, 2);
  peer_.Receive(Pubrec(3));
  peer_.Reconnect(/*session_present=*/false);
  EXPECT_EQ(peer_.Sent(), "");
  for (unsigned token : {1u, 2u, 3u}) Publish(token, token == 1 ? 1 : 2);
  EXPECT_EQ(peer_.SentHex(), Hex(PublishOf(1, 1, 4) + PublishOf(2, 2, 5) + PublishOf(3, 2, 6)));
}

// MQTT-3.1.2-4; 3.1.1: MQTT-3.1.2-6. Before the answer, which may get lost.
TEST_P(Outbound, IsForgottenByACleanStart) {
  peer_.Establish();
  Publish(1, 1);
  peer_.Receive(PublishPacket(Mqtt5(), 4, "t", 9, ""));
  peer_.Acknowledge();
  peer_->options().clean_start = true;
  peer_->ConnectionLost();
  peer_->Connect();
  EXPECT_EQ(peer_->unconfirmed(), 0u);
  peer_->options().clean_start = false;
  peer_.Reconnect(/*session_present=*/true);
  EXPECT_THAT(peer_.Receive(PublishPacket(Mqtt5(), 4, "t", 9, "")), ElementsAre("publish t '' qos 2 id 9"));
  Publish(1, 1);
  EXPECT_EQ(peer_.SentHex(), Hex(PublishOf(1, 1, 2)));
}

// Nothing is known about the session until CONNACK.
TEST_P(Outbound, SurvivesConnectionsThatNeverCameAbout) {
  peer_.Establish();
  Publish(1, 1);
  peer_->ConnectionLost();
  peer_->Connect();
  peer_->ConnectionLost();
  peer_.Reconnect(/*session_present=*/true);
  Publish(1, 1);
  EXPECT_EQ(peer_.SentHex(), Hex(PublishOf(1, 1, 1, true)));
}

// A caller may give a message up, or its window may be closed; the broker may be faster than it.
TEST_P(Outbound, IsConfirmedAlsoBeforeItIsSentAgain) {
  peer_.Establish();
  for (uint64_t token = 1; token <= 4; ++token) Publish(token, token <= 2 ? 1 : 2);
  peer_.Reconnect(/*session_present=*/true);
  EXPECT_THAT(peer_.Receive(Puback(1) + Pubrec(3) + Pubrec(4)), ElementsAre("published 1 0"));
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrel(3) + Pubrel(4)));
  EXPECT_THAT(peer_.Receive(Pubcomp(3)), ElementsAre("published 3 0"));
  Publish(2, 1);
  Publish(4, 2);
  EXPECT_EQ(peer_.SentHex(), Hex(PublishOf(2, 1, 2, true)));
  // Token 1 was confirmed: the same number is a new message.
  Publish(1, 1);
  EXPECT_EQ(peer_.SentHex(), Hex(PublishOf(1, 1, 5)));
  EXPECT_EQ(peer_->unconfirmed(), 3u);
}

TEST_P(Outbound, IsSentAgainOnEachNewConnection) {
  peer_.Establish();
  Publish(1, 1);
  for (int i = 0; i < 3; ++i) {
    peer_.Reconnect(/*session_present=*/true);
    Publish(1, 1);
    EXPECT_EQ(peer_.SentHex(), Hex(PublishOf(1, 1, 1, true)));
  }
  EXPECT_EQ(peer_->unconfirmed(), 1u);
}

// MQTT-4.3.3-4: also when the broker asks twice.
TEST_P(Outbound, ReleasesAgainWhenPubrecComesAgain) {
  peer_.Establish();
  Publish(1, 2);
  peer_.Receive(Pubrec(1));
  peer_.Sent();
  peer_.Receive(Pubrec(1));
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrel(1)));
  EXPECT_EQ(peer_->unconfirmed(), 1u);
}

// Brokers send them after a take-over; the standard calls none of it an error.
TEST_P(Outbound, AnswersToWhatIsNotKnownDoNoHarm) {
  peer_.Establish();
  EXPECT_THAT(peer_.Receive(Puback(5) + Pubcomp(6) + Pubrec(7)), IsEmpty());
  EXPECT_FALSE(peer_.error());
  EXPECT_EQ(peer_.SentHex(), Hex(Mqtt5() ? Reasoned(0x62, 7, 0x92) : Pubrel(7)));
  const std::string properties = Mqtt5() ? U8(0) : "";
  // They may have been meant for something that waits.
  EXPECT_THAT(peer_.Receive(Packet(0x90, U16(8) + properties + U8(0))),
              ElementsAre("bad SUBACK packet_id astray: the packet identifier 8 is that of nothing that was asked"));
  EXPECT_THAT(peer_.Receive(Packet(0xB0, U16(9) + (Mqtt5() ? U16(0) : ""))),
              ElementsAre("bad UNSUBACK packet_id astray: the packet identifier 9 is that of nothing that was asked"));
  EXPECT_FALSE(peer_.error());
}

struct WrongAnswer {
  std::string name;
  std::string bytes;
};

// RabbitMQ's answer to QoS 2, which MQTT 3.1.1 cannot refuse; MQTT 5 has Maximum QoS for that.
TEST(PubackForQos2, ConfirmsItWithMqtt311Only) {
  for (const bool mqtt5 : {false, true}) {
    Peer peer(mqtt5);
    peer.Establish();
    peer->Publish(1, Message("t", "", 2));
    peer.Receive(Puback(1));
    EXPECT_EQ(peer->unconfirmed(), mqtt5 ? 1u : 0u);
    EXPECT_EQ(peer.bad().size(), mqtt5 ? 1u : 0u);
    EXPECT_FALSE(peer.error());
  }
}

// Packet identifiers: 1 is a PUBLISH of QoS 1, 2 one of QoS 2, 3 one of QoS 2 that is released, 4 a SUBSCRIBE, 5 an
// UNSUBSCRIBE.
class WrongAnswers : public testing::TestWithParam<WrongAnswer> {};
TEST_P(WrongAnswers, ArePassedOverAndWhatTheyNameGoesOnWaiting) {
  for (const bool mqtt5 : {false, true}) {
    Peer peer(mqtt5);
    peer.Establish();
    for (uint64_t token = 1; token <= 3; ++token) peer->Publish(token, Message("t", "", token == 1 ? 1 : 2));
    peer.Receive(Pubrec(3));
    const SubscribeRequest request{.filter = "a"};
    peer->Subscribe({&request, 1});
    const std::string_view filter = "a";
    peer->Unsubscribe({&filter, 1});
    EXPECT_THAT(peer.Receive(GetParam().bytes), ElementsAre(testing::HasSubstr(" packet_id astray: ")));
    EXPECT_FALSE(peer.error());
    EXPECT_EQ(peer->unconfirmed(), 3u);
    const std::string properties = mqtt5 ? U8(0) : "";
    EXPECT_THAT(
        peer.Receive(Puback(1) + Pubrec(2) + Pubcomp(2) + Pubcomp(3) + Packet(0x90, U16(4) + properties + U8(0)) +
                     Packet(0xB0, U16(5) + properties + properties)),
        testing::SizeIs(5));
    EXPECT_EQ(peer->unconfirmed(), 0u);
  }
}
INSTANTIATE_TEST_SUITE_P(Mqtt, WrongAnswers,
                         testing::ValuesIn(std::vector<WrongAnswer>{
                             {"PubackForReleased", Puback(3)},
                             {"PubackForSubscribe", Puback(4)},
                             {"PubrecForQos1", Pubrec(1)},
                             {"PubrecForUnsubscribe", Pubrec(5)},
                             {"PubcompForQos1", Pubcomp(1)},
                             {"PubcompForUnreleased", Pubcomp(2)},
                             {"PubcompForSubscribe", Pubcomp(4)},
                             {"SubackForPublish", Packet(0x90, U16(1) + U16(0))},
                             {"SubackForUnsubscribe", Packet(0x90, U16(5) + U16(0))},
                             {"UnsubackForSubscribe", Packet(0xB0, U16(4) + U8(0))},
                         }),
                         [](const auto& param) { return param.param.name; });

// ---------------------------------------------------------------------------------------------- reasons, MQTT 5

// MQTT-4.4.0-2, MQTT-4.3.3-4.
TEST(OutboundReasons, ARefusalEndsTheExchange) {
  Peer peer(true);
  peer.Establish();
  peer->Publish(1, Message("t", "", 1));
  peer->Publish(2, Message("t", "", 2));
  peer.Sent();
  EXPECT_THAT(peer.Receive(Reasoned(0x40, 1, 0x87) + Reasoned(0x50, 2, 0x97)),
              ElementsAre("published 1 135", "published 2 151"));
  EXPECT_EQ(peer.Sent(), "");
  EXPECT_EQ(peer->unconfirmed(), 0u);
}

TEST(OutboundReasons, WithoutSubscribersItIsPublished) {
  Peer peer(true);
  peer.Establish();
  peer->Publish(1, Message("t", "", 1));
  peer->Publish(2, Message("t", "", 2));
  peer.Sent();
  EXPECT_THAT(peer.Receive(Reasoned(0x40, 1, 0x10) + Packet(0x50, U16(2) + U8(0x10) + Props("\x1f" + Str("why")))),
              ElementsAre("published 1 0"));
  EXPECT_EQ(peer.SentHex(), Hex(Pubrel(2)));
}

// §3.7.2.1: the broker has released it before, on a connection whose PUBCOMP was lost.
TEST(OutboundReasons, AnIdentifierThatIsNotFoundAtTheEndIsPublished) {
  Peer peer(true);
  peer.Establish();
  peer->Publish(1, Message("t", "", 2));
  peer.Receive(Pubrec(1));
  peer.Reconnect(/*session_present=*/true);
  EXPECT_THAT(peer.Receive(Reasoned(0x70, 1, 0x92)), ElementsAre("published 1 0"));
}

TEST(OutboundReasons, ARefusalAfterAnAcceptanceIsPassedOver) {
  Peer peer(true);
  peer.Establish();
  peer->Publish(1, Message("t", "", 2));
  peer.Receive(Pubrec(1));
  EXPECT_THAT(peer.Receive(Reasoned(0x50, 1, 0x97)), ElementsAre(testing::HasSubstr(" packet_id astray: ")));
  EXPECT_THAT(peer.Receive(Pubcomp(1)), ElementsAre("published 1 0"));
}

TEST(OutboundReasons, ARefusalOfWhatIsNotKnownNeedsNoAnswer) {
  Peer peer(true);
  peer.Establish();
  EXPECT_THAT(peer.Receive(Reasoned(0x50, 1, 0x97)), IsEmpty());
  EXPECT_EQ(peer.Sent(), "");
  EXPECT_FALSE(peer.error());
}

}  // namespace
}  // namespace sluice::wire
