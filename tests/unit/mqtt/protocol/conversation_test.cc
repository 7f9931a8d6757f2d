// The usual way of each exchange.
#include "tests/unit/mqtt/protocol/fixture.h"

namespace sluice::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Conversation = BothVersions;
INSTANTIATE_TEST_SUITE_P(Mqtt, Conversation, testing::Bool(), VersionName);

TEST_P(Conversation, ConnectsAndTellsTheAnswer) {
  peer_->Connect();
  EXPECT_FALSE(peer_->connected());
  EXPECT_EQ(peer_.Sent().substr(0, 1), "\x10");
  EXPECT_THAT(peer_.Receive(ConnackPacket(Mqtt5())), ElementsAre("connack 0"));
  EXPECT_TRUE(peer_->connected());
}

TEST_P(Conversation, PublishesWithEachQosUntilTheBrokerConfirms) {
  peer_.Establish();
  EXPECT_TRUE(peer_->Publish(100, Message("t", "zero", 0)));
  EXPECT_TRUE(peer_->Publish(101, Message("t", "one", 1, /*retain=*/true)));
  EXPECT_TRUE(peer_->Publish(102, Message("t", "two", 2)));
  EXPECT_EQ(peer_->unconfirmed(), 2u);
  EXPECT_EQ(Hex(peer_.Sent()),
            Hex(PublishPacket(Mqtt5(), 0, "t", 0, "zero") + PublishPacket(Mqtt5(), 3, "t", 1, "one") +
                PublishPacket(Mqtt5(), 4, "t", 2, "two")));
  EXPECT_THAT(peer_.Receive(Puback(1)), ElementsAre("published 101 0"));
  EXPECT_THAT(peer_.Receive(Pubrec(2)), IsEmpty());
  EXPECT_EQ(Hex(peer_.Sent()), Hex(Pubrel(2)));
  EXPECT_EQ(peer_->unconfirmed(), 1u);
  EXPECT_THAT(peer_.Receive(Pubcomp(2)), ElementsAre("published 102 0"));
  EXPECT_EQ(peer_->unconfirmed(), 0u);
  EXPECT_EQ(peer_.Sent(), "");
}

TEST_P(Conversation, HandsOutWhatComesAndAcknowledgesWhatWasAccepted) {
  peer_.Establish();
  EXPECT_THAT(peer_.Receive(PublishPacket(Mqtt5(), 0, "a/b", 0, "zero") + PublishPacket(Mqtt5(), 2, "a/b", 7, "one") +
                            PublishPacket(Mqtt5(), 4, "a/b", 8, "")),
              ElementsAre("publish a/b 'zero'", "publish a/b 'one' qos 1 id 7", "publish a/b '' qos 2 id 8"));
  EXPECT_EQ(peer_->unacknowledged(), 2u);
  peer_->AcknowledgeAccepted();
  EXPECT_EQ(peer_.Sent(), "");
  peer_.Acknowledge();
  EXPECT_EQ(Hex(peer_.Sent()), Hex(Puback(7) + Pubrec(8)));
  EXPECT_EQ(peer_->unacknowledged(), 0u);
  EXPECT_THAT(peer_.Receive(Pubrel(8)), ElementsAre("released 8"));
  EXPECT_EQ(Hex(peer_.Sent()), Hex(Pubcomp(8)));
}

TEST_P(Conversation, SubscribesUnsubscribesPingsAndDisconnects) {
  peer_.Establish();
  const SubscribeRequest requests[] = {
      {.filter = "a/#", .qos = Qos::kAtLeastOnce, .retain_as_published = false},
      {.filter = "$share/g/b", .qos = Qos::kExactlyOnce, .retain_as_published = false}};
  EXPECT_EQ(peer_->Subscribe(requests), 1);
  const std::string no_properties = Mqtt5() ? U8(0) : "";
  EXPECT_EQ(peer_.SentHex(),
            Hex(Packet(0x82, U16(1) + no_properties + Str("a/#") + U8(1) + Str("$share/g/b") + U8(2))));
  EXPECT_THAT(peer_.Receive(Packet(0x90, U16(1) + no_properties + U8(0x80) + U8(2))), ElementsAre("suback 1 128 2"));

  const std::string_view filters[] = {"a/#", "b"};
  EXPECT_EQ(peer_->Unsubscribe(filters), 2);
  EXPECT_EQ(peer_.SentHex(), Hex(Packet(0xA2, U16(2) + no_properties + Str("a/#") + Str("b"))));
  if (Mqtt5()) {
    EXPECT_THAT(peer_.Receive(Packet(0xB0, U16(2) + no_properties + U8(0) + U8(0x11))), ElementsAre("unsuback 2 0 17"));
  } else {
    EXPECT_THAT(peer_.Receive(Packet(0xB0, U16(2))), ElementsAre("unsuback 2"));
  }

  peer_->Ping();
  EXPECT_EQ(peer_.SentHex(), "c0 00");
  EXPECT_TRUE(peer_->ping_outstanding());
  EXPECT_THAT(peer_.Receive(Packet(0xD0, "")), ElementsAre("pingresp"));
  EXPECT_FALSE(peer_->ping_outstanding());

  peer_->Disconnect();
  EXPECT_EQ(peer_.SentHex(), "e0 00");
  EXPECT_FALSE(peer_->connected());
  EXPECT_THAT(peer_.Receive(PublishPacket(Mqtt5(), 0, "t", 0, "late")), IsEmpty());
}

TEST_P(Conversation, SendsAgainWhatASessionKeptAndAllAnewWithoutOne) {
  peer_.Establish();
  peer_->Publish(11, Message("t", "one", 1));
  peer_->Publish(12, Message("t", "two", 2));
  peer_->Publish(13, Message("t", "released", 2));
  peer_.Receive(Pubrec(3));
  peer_.Reconnect(/*session_present=*/true);
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrel(3)));
  peer_->Publish(11, Message("t", "one", 1));
  peer_->Publish(12, Message("t", "two", 2));
  peer_->Publish(13, Message("t", "released", 2));
  EXPECT_EQ(peer_.SentHex(),
            Hex(PublishPacket(Mqtt5(), 0x0A, "t", 1, "one") + PublishPacket(Mqtt5(), 0x0C, "t", 2, "two")));
  EXPECT_EQ(peer_->unconfirmed(), 3u);
  peer_.Reconnect(/*session_present=*/false);
  EXPECT_EQ(peer_->unconfirmed(), 0u);
  peer_->Publish(13, Message("t", "released", 2));
  EXPECT_EQ(peer_.SentHex(), Hex(PublishPacket(Mqtt5(), 4, "t", 4, "released")));
}

}  // namespace
}  // namespace sluice::wire
