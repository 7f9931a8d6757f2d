// What comes with QoS 1 and 2: acceptance, the order of acknowledgements, duplicates, the Receive Maximum; aliases.
#include "tests/unit/mqtt/protocol/fixture.h"

namespace sluice::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Inbound : public BothVersions {
 protected:
  std::vector<std::string> ReceivePublish(unsigned qos, unsigned id, bool dup = false) {
    return peer_.Receive(PublishPacket(Mqtt5(), qos << 1 | (dup ? 8 : 0), "t", id, ""));
  }
  // An answer to PUBREL for an identifier that is not known.
  std::string NotFound(unsigned id) { return Mqtt5() ? Reasoned(0x70, id, 0x92) : Pubcomp(id); }
};
INSTANTIATE_TEST_SUITE_P(Mqtt, Inbound, testing::Bool(), VersionName);

// MQTT-4.6.0-2, -3, MQTT-4.3.2-4, MQTT-4.3.3-8; 3.1.1: MQTT-4.6.0-2, -3, MQTT-4.3.2-2, MQTT-4.3.3-2.
TEST_P(Inbound, IsAcknowledgedInTheOrderInWhichItCameAndNotBeforeItIsAccepted) {
  peer_.Establish();
  ReceivePublish(1, 9);
  ReceivePublish(2, 3);
  peer_->AcceptAll();
  ReceivePublish(1, 5);
  EXPECT_EQ(peer_->unacknowledged(), 3u);
  peer_->AcknowledgeAccepted();
  EXPECT_EQ(peer_.SentHex(), Hex(Puback(9) + Pubrec(3)));
  EXPECT_EQ(peer_->unacknowledged(), 1u);
  peer_->AcknowledgeAccepted();
  EXPECT_EQ(peer_.Sent(), "");
  peer_.Acknowledge();
  EXPECT_EQ(peer_.SentHex(), Hex(Puback(5)));
}

// MQTT-4.3.2-5; 3.1.1: MQTT-4.3.2-2.
TEST_P(Inbound, Qos1IsANewMessageEachTimeWhateverDupSays) {
  peer_.Establish();
  EXPECT_THAT(ReceivePublish(1, 9), ElementsAre("publish t '' qos 1 id 9"));
  peer_.Acknowledge();
  EXPECT_THAT(ReceivePublish(1, 9, /*dup=*/true), ElementsAre("publish t '' qos 1 id 9 dup"));
  EXPECT_EQ(peer_->unacknowledged(), 1u);
}

TEST_P(Inbound, WhatIsPassedOverComesAgainWithTheNextConnection) {
  peer_.Establish();
  ReceivePublish(1, 7);
  peer_->PassOver();
  for (unsigned qos : {0u, 1u, 2u}) EXPECT_THAT(ReceivePublish(qos, 9), IsEmpty());
  EXPECT_EQ(peer_->unacknowledged(), 1u);
  peer_.Acknowledge();
  EXPECT_EQ(peer_.SentHex(), Hex(Puback(7))) << "what came before is not concerned";
  peer_.Reconnect(/*session_present=*/true);
  peer_.Sent();
  EXPECT_THAT(ReceivePublish(1, 9, /*dup=*/true), ElementsAre("publish t '' qos 1 id 9 dup"));
  EXPECT_THAT(ReceivePublish(2, 10, /*dup=*/true), ElementsAre("publish t '' qos 2 id 10 dup"));
}

// MQTT-4.3.3-10, -11, -12; 3.1.1: MQTT-4.3.3-2.
TEST_P(Inbound, Qos2IsHandedOutOnceUntilItIsReleased) {
  peer_.Establish();
  EXPECT_THAT(ReceivePublish(2, 9), ElementsAre("publish t '' qos 2 id 9"));
  peer_.Acknowledge();
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrec(9)));
  EXPECT_THAT(ReceivePublish(2, 9, /*dup=*/true), IsEmpty());
  EXPECT_EQ(peer_->unacknowledged(), 1u);
  peer_->AcknowledgeAccepted();
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrec(9)));
  EXPECT_THAT(peer_.Receive(Pubrel(9)), ElementsAre("released 9"));
  EXPECT_EQ(peer_.SentHex(), Hex(Pubcomp(9)));
  EXPECT_THAT(ReceivePublish(2, 9), ElementsAre("publish t '' qos 2 id 9"));
}

TEST_P(Inbound, Qos2ThatComesAgainBeforeItIsAcceptedIsHandedOutOnce) {
  peer_.Establish();
  EXPECT_THAT(ReceivePublish(2, 9), ElementsAre("publish t '' qos 2 id 9"));
  EXPECT_THAT(ReceivePublish(2, 9, /*dup=*/true), IsEmpty());
  peer_->AcknowledgeAccepted();
  EXPECT_EQ(peer_.Sent(), "");
  peer_.Acknowledge();
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrec(9) + Pubrec(9)));
}

// A PUBREC that is owed for a repetition must not bring an identifier back that was released in between.
TEST_P(Inbound, Qos2ThatWasReleasedStaysReleased) {
  peer_.Establish();
  ReceivePublish(2, 9);
  ReceivePublish(1, 1);
  peer_->AcceptAll();
  ReceivePublish(1, 2);  // Holds the repetition's PUBREC back.
  ReceivePublish(2, 9, /*dup=*/true);
  peer_->AcknowledgeAccepted();
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrec(9) + Puback(1)));
  peer_.Receive(Pubrel(9));
  EXPECT_EQ(peer_.SentHex(), Hex(Pubcomp(9)));
  peer_.Acknowledge();
  EXPECT_EQ(peer_.SentHex(), Hex(Puback(2) + Pubrec(9)));
  EXPECT_THAT(ReceivePublish(2, 9), ElementsAre("publish t '' qos 2 id 9"));
}

TEST_P(Inbound, ADuplicatesPubrecWaitsBehindWhatIsNotAccepted) {
  peer_.Establish();
  ReceivePublish(2, 9);
  peer_.Acknowledge();
  peer_.Sent();
  ReceivePublish(1, 1);
  ReceivePublish(2, 9, /*dup=*/true);
  peer_->AcknowledgeAccepted();
  EXPECT_EQ(peer_.Sent(), "");
  peer_.Acknowledge();
  EXPECT_EQ(peer_.SentHex(), Hex(Puback(1) + Pubrec(9)));
}

// MQTT-4.1.0-1, MQTT-3.1.2-23; 3.1.1: MQTT-4.1.0-1, MQTT-3.1.2-4.
TEST_P(Inbound, Qos2ThatWasAcceptedIsKnownOverAReconnectEvenWhenItsPubrecWasNotSent) {
  peer_.Establish();
  ReceivePublish(2, 1);
  peer_.Acknowledge();
  ReceivePublish(2, 2);
  peer_->AcceptAll();
  ReceivePublish(2, 3);
  peer_.Reconnect(/*session_present=*/true);
  EXPECT_EQ(peer_->unacknowledged(), 0u);
  peer_->AcknowledgeAccepted();
  EXPECT_EQ(peer_.Sent(), "");
  EXPECT_THAT(ReceivePublish(2, 2, /*dup=*/true), IsEmpty());
  EXPECT_THAT(ReceivePublish(2, 3, /*dup=*/true), ElementsAre("publish t '' qos 2 id 3 dup"));
  peer_->AcknowledgeAccepted();
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrec(2)));
  EXPECT_THAT(peer_.Receive(Pubrel(1)), ElementsAre("released 1"));
  EXPECT_EQ(peer_.SentHex(), Hex(Pubcomp(1)));
}

// MQTT-3.2.2-5; 3.1.1: MQTT-3.1.2-6.
TEST_P(Inbound, Qos2IsForgottenWithTheSession) {
  peer_.Establish();
  ReceivePublish(2, 1);
  peer_.Acknowledge();
  peer_.Reconnect(/*session_present=*/false);
  EXPECT_THAT(ReceivePublish(2, 1), ElementsAre("publish t '' qos 2 id 1"));
}

// A CONNECT whose CONNACK was lost may have begun a new session, in which the identifier is a new message's.
TEST_P(Inbound, AnIdentifierIsNewWhenTheSessionMayBe) {
  peer_.Establish();
  ReceivePublish(2, 1);
  peer_.Acknowledge();
  peer_->ConnectionLost();
  peer_->Connect();
  peer_->ConnectionLost();
  peer_.Establish(/*session_present=*/true);
  EXPECT_THAT(ReceivePublish(2, 1), ElementsAre("publish t '' qos 2 id 1"));
}

// MQTT-4.3.3-10 over the end of the process.
TEST_P(Inbound, Qos2ThatAnEarlierProcessTookOverIsADuplicateUntilItIsReleased) {
  peer_->Remember(std::vector<uint16_t>{7, 9});
  peer_.Establish(/*session_present=*/true);
  EXPECT_THAT(ReceivePublish(2, 9, /*dup=*/true), IsEmpty());
  peer_->AcknowledgeAccepted();
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrec(9)));
  EXPECT_THAT(peer_.Receive(Pubrel(9)), ElementsAre("released 9"));
  EXPECT_EQ(peer_.SentHex(), Hex(Pubcomp(9)));
  EXPECT_THAT(ReceivePublish(2, 9), ElementsAre("publish t '' qos 2 id 9"));
  EXPECT_THAT(peer_.Receive(Pubrel(7)), ElementsAre("released 7")) << "its PUBREC was sent then";
  EXPECT_EQ(peer_.SentHex(), Hex(Pubcomp(7)));
}

// MQTT-3.3.1-1: the broker sends it for the first time, so it must have had the PUBCOMP that nobody noted.
TEST_P(Inbound, Qos2WithoutDupIsANewMessageWhateverAnEarlierProcessHad) {
  peer_->Remember(std::vector<uint16_t>{9});
  peer_.Establish(/*session_present=*/true);
  EXPECT_THAT(ReceivePublish(2, 9), ElementsAre("publish t '' qos 2 id 9"));
  EXPECT_THAT(ReceivePublish(2, 9, /*dup=*/true), IsEmpty()) << "known from now on";
}

TEST_P(Inbound, WhatAnEarlierProcessTookOverIsForgottenWithTheSession) {
  peer_->Remember(std::vector<uint16_t>{9});
  peer_.Establish(/*session_present=*/false);
  EXPECT_THAT(ReceivePublish(2, 9, /*dup=*/true), ElementsAre("publish t '' qos 2 id 9 dup"));
}

// §3.6.2.1, §3.7.2.1: not an error while sessions are recovered.
TEST_P(Inbound, AReleaseOfWhatIsNotKnownIsAnswered) {
  peer_.Establish();
  EXPECT_THAT(peer_.Receive(Pubrel(77)), ElementsAre("released 77"));
  EXPECT_EQ(peer_.SentHex(), Hex(NotFound(77)));
  if (Mqtt5()) {
    EXPECT_THAT(peer_.Receive(Reasoned(0x62, 78, 0x92)), ElementsAre("released 78"));
    EXPECT_EQ(peer_.SentHex(), Hex(NotFound(78)));
  }
}

TEST_P(Inbound, AReleaseBeforeThePubrecIsPassedOver) {
  peer_.Establish();
  ReceivePublish(2, 1);
  peer_->AcceptAll();
  EXPECT_THAT(peer_.Receive(Pubrel(1)), ElementsAre("bad PUBREL packet_id: the packet identifier 1 awaits its PUBREC"));
  EXPECT_FALSE(peer_.error());
  peer_.Acknowledge();
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrec(1)));
  EXPECT_THAT(peer_.Receive(Pubrel(1)), ElementsAre("released 1"));
}

TEST_P(Inbound, Qos0NeedsNoAcknowledgement) {
  peer_.Establish();
  peer_.Receive(PublishPacket(Mqtt5(), 1, "t", 0, "kept"));
  EXPECT_EQ(peer_->unacknowledged(), 0u);
  peer_.Acknowledge();
  EXPECT_EQ(peer_.Sent(), "");
}

TEST_P(Inbound, TellsAllThatAPublishSays) {
  peer_.Establish();
  const std::string list = "\x01" + U8(1) + "\x02" + U32(9) + "\x03" + Str("text") + "\x08" + Str("re/ply") + "\x09" +
                           Str("") + "\x0b" + Varint(1) + "\x26" + Str("k") + Str("1") + "\x0b" + Varint(268'435'455) +
                           "\x26" + Str("k") + Str("2");
  const std::string first = PublishPacket(Mqtt5(), 1, "a/b", 0, "body", list);
  if (!Mqtt5()) {
    EXPECT_THAT(peer_.Receive(PublishPacket(false, 0x0D, "a/b", 7, "body")),
                ElementsAre("publish a/b 'body' qos 2 id 7 dup retain"));
    return;
  }
  EXPECT_THAT(
      peer_.Receive(first + PublishPacket(true, 0, "t", 0, "")),
      ElementsAre("publish a/b 'body' retain for 1 for 268435455 utf8 type 'text' reply 're/ply' correlation '' "
                  "expiry 9 k=1 k=2",
                  "publish t ''"));
}

// ---------------------------------------------------------------------------------------------- Receive Maximum

class ReceiveMaximum : public testing::Test {
 protected:
  static ConnectOptions Two() {
    ConnectOptions options = Peer::OptionsOf(true);
    options.receive_maximum = 2;
    return options;
  }
  void ReceivePublish(unsigned qos, unsigned id) { peer_.Receive(PublishPacket(true, qos << 1, "t", id, "")); }
  Peer peer_{Two()};
};

// §4.9: PUBACK and PUBCOMP give back what PUBLISH took, PUBREC does not.
TEST_F(ReceiveMaximum, IsGivenBackWithPubackAndPubcomp) {
  peer_.Establish();
  ReceivePublish(1, 1);
  ReceivePublish(2, 2);
  peer_.Acknowledge();
  ReceivePublish(1, 3);
  EXPECT_FALSE(peer_.error());
  peer_.Receive(Pubrel(2));
  ReceivePublish(0, 0);
  ReceivePublish(1, 4);
  EXPECT_FALSE(peer_.error());
  ReceivePublish(1, 5);
  EXPECT_EQ(peer_.error(), 0x93);
}

TEST_F(ReceiveMaximum, CountsQos2UntilPubcomp) {
  peer_.Establish();
  ReceivePublish(2, 1);
  ReceivePublish(2, 2);
  peer_.Acknowledge();
  ReceivePublish(2, 3);
  EXPECT_EQ(peer_.error(), 0x93);
}

TEST_F(ReceiveMaximum, ALimitAboveItForgivesABrokerThatMiscounts) {
  ConnectOptions options = Two();
  options.receive_limit = 3;
  Peer peer(options);
  peer.Establish();
  for (unsigned id = 1; id <= 3; ++id) peer.Receive(PublishPacket(true, 1 << 1, "t", id, ""));
  EXPECT_FALSE(peer.error());
  peer.Receive(PublishPacket(true, 1 << 1, "t", 4, ""));
  EXPECT_EQ(peer.error(), 0x93);
}

TEST_F(ReceiveMaximum, BeginsAnewWithTheConnection) {
  peer_.Establish();
  ReceivePublish(2, 1);
  ReceivePublish(2, 2);
  peer_.Acknowledge();
  peer_.Reconnect(/*session_present=*/true);
  ReceivePublish(1, 3);
  ReceivePublish(1, 4);
  EXPECT_FALSE(peer_.error());
  // §4.9: the broker counts the PUBCOMP of an earlier connection's message as room, so we must.
  peer_.Receive(Pubrel(1));
  ReceivePublish(1, 5);
  EXPECT_FALSE(peer_.error());
  ReceivePublish(1, 6);
  EXPECT_EQ(peer_.error(), 0x93);
}

// §4.9: "the attempt to increment above the initial send quota".
TEST_F(ReceiveMaximum, IsNeverExceededByWhatIsGivenBack) {
  peer_.Establish();
  for (unsigned id = 10; id < 15; ++id) peer_.Receive(Pubrel(id));
  ReceivePublish(1, 1);
  ReceivePublish(1, 2);
  EXPECT_FALSE(peer_.error());
  ReceivePublish(1, 3);
  EXPECT_EQ(peer_.error(), 0x93);
}

// ---------------------------------------------------------------------------------------------- topic aliases

class Aliases : public testing::Test {
 protected:
  static ConnectOptions Ten() {
    ConnectOptions options = Peer::OptionsOf(true);
    options.topic_alias_maximum = 10;
    return options;
  }
  std::vector<std::string> ReceivePublish(const std::string& topic, unsigned alias) {
    return peer_.Receive(PublishPacket(true, 0, topic, 0, "", "\x23" + U16(alias)));
  }
  Peer peer_{Ten()};
};

// MQTT-3.3.2-10.
TEST_F(Aliases, StandForTheTopicTheyWereLastGiven) {
  peer_.Establish();
  EXPECT_THAT(ReceivePublish("a", 10), ElementsAre("publish a ''"));
  EXPECT_THAT(ReceivePublish("b", 1), ElementsAre("publish b ''"));
  EXPECT_THAT(ReceivePublish("", 10), ElementsAre("publish a ''"));
  EXPECT_THAT(ReceivePublish("c", 10), ElementsAre("publish c ''"));
  EXPECT_THAT(ReceivePublish("", 10), ElementsAre("publish c ''"));
  EXPECT_THAT(ReceivePublish("", 1), ElementsAre("publish b ''"));
}

// MQTT-3.3.2-7.
TEST_F(Aliases, AreForgottenWithTheConnection) {
  peer_.Establish();
  ReceivePublish("a", 10);
  peer_.Reconnect(/*session_present=*/true);
  EXPECT_THAT(ReceivePublish("", 10), ElementsAre(testing::StartsWith("bad PUBLISH topic_alias ")));
}

// A duplicate is not handed out, but what it says about an alias holds.
TEST_F(Aliases, AreTakenFromDuplicatesToo) {
  peer_.Establish();
  peer_.Receive(PublishPacket(true, 4, "a", 1, ""));
  peer_.Acknowledge();
  EXPECT_THAT(peer_.Receive(PublishPacket(true, 0x0C, "a", 1, "", "\x23" + U16(3))), IsEmpty());
  EXPECT_THAT(ReceivePublish("", 3), ElementsAre("publish a ''"));
}

}  // namespace
}  // namespace sluice::wire
