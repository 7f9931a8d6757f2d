// What is published in a session that an earlier process has published in.
#include "tests/unit/mqtt/protocol/fixture.h"

namespace sluice::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// §4.3.3. What an earlier process left of QoS 2 in the session that this one takes up.
class Inherited : public BothVersions {
 protected:
  Inherited() {
    peer_->options().releases_inherited_ids = true;
    peer_.Establish(/*session_present=*/true);
  }
  bool Publish(uint64_t token, int qos) { return peer_->Publish(token, Message("t", std::to_string(token), qos)); }
  std::string PublishOf(uint64_t token, unsigned qos, unsigned id, bool dup = false) {
    return PublishPacket(Mqtt5(), qos << 1 | (dup ? 8 : 0), "t", id, std::to_string(token));
  }
};
INSTANTIATE_TEST_SUITE_P(Mqtt, Inherited, testing::Bool(), VersionName);

TEST_P(Inherited, AnIdentifierIsReleasedBeforeItsFirstUseWithQos2) {
  ASSERT_TRUE(Publish(1, 2));
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrel(1) + PublishOf(1, 2, 1)));
  EXPECT_THAT(peer_.Receive(Pubcomp(1)), IsEmpty()) << "of what was there before";
  EXPECT_THAT(peer_.Receive(Pubrec(1)), IsEmpty());
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrel(1)));
  EXPECT_THAT(peer_.Receive(Pubcomp(1)), ElementsAre("published 1 0"));
  EXPECT_FALSE(peer_.error());
}

TEST_P(Inherited, OnceAndNotForQos1) {
  for (uint64_t token = 1; token <= 65'535; ++token) {
    ASSERT_TRUE(Publish(token, 1));
    EXPECT_EQ(peer_.Sent(), PublishOf(token, 1, static_cast<unsigned>(token)));
    peer_.Receive(Puback(static_cast<unsigned>(token)));
  }
  ASSERT_TRUE(Publish(1, 2));
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrel(1) + PublishOf(1, 2, 1)));
  peer_.Receive(Pubcomp(1) + Pubrec(1) + Pubcomp(1));
  peer_.Sent();
  for (unsigned id = 2; id <= 65'535; ++id) {
    ASSERT_TRUE(Publish(id, 1));
    peer_.Receive(Puback(id));
  }
  peer_.Sent();
  ASSERT_TRUE(Publish(9, 2));
  EXPECT_EQ(peer_.SentHex(), Hex(PublishOf(9, 2, 1)));
}

TEST_P(Inherited, AReleaseThatMayBeLostIsSentAgain) {
  ASSERT_TRUE(Publish(1, 2));
  peer_.Reconnect(/*session_present=*/true);
  EXPECT_EQ(peer_.Sent(), "");
  ASSERT_TRUE(Publish(1, 2));
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrel(1) + PublishOf(1, 2, 1, /*dup=*/true)));
  EXPECT_THAT(peer_.Receive(Pubcomp(1) + Pubrec(1) + Pubcomp(1)), ElementsAre("published 1 0"));
}

TEST_P(Inherited, ASessionOfItsOwnNeedsNone) {
  peer_.Reconnect(/*session_present=*/false);
  ASSERT_TRUE(Publish(1, 2));
  EXPECT_EQ(peer_.SentHex(), Hex(PublishOf(1, 2, 1)));
}

TEST_P(Inherited, AfterAConnectWithoutAnAnswerNobodyKnowsWhoseItIs) {
  ASSERT_TRUE(Publish(1, 2));
  peer_.Receive(Pubcomp(1) + Pubrec(1));
  peer_->ConnectionLost();
  peer_->Connect();
  peer_.Reconnect(/*session_present=*/true);
  EXPECT_EQ(peer_.Sent(), "") << "its PUBREL might find nothing";
  ASSERT_TRUE(Publish(1, 2));
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrel(2) + PublishOf(1, 2, 2)));
}

TEST_P(Inherited, OfAnotherBrokersSessionNothingIsTakenUp) {
  ASSERT_TRUE(Publish(1, 2));
  peer_.Receive(PublishPacket(Mqtt5(), 2 << 1, "t", 7, "a"));
  peer_->AcceptAll();
  peer_->AcknowledgeAccepted();
  peer_->ConnectionLost();
  peer_->options().foreign_session = true;
  peer_->Connect();
  peer_.Sent();
  peer_.Receive(ConnackPacket(Mqtt5(), /*session_present=*/true));
  EXPECT_EQ(peer_.SentHex(), "") << "no PUBREL of the other session";
  EXPECT_THAT(peer_.Receive(PublishPacket(Mqtt5(), 2 << 1, "t", 7, "b")), SizeIs(1)) << "a message of its own";
  ASSERT_TRUE(Publish(1, 2));
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrel(2) + PublishOf(1, 2, 2)));
}

}  // namespace
}  // namespace sluice::wire
