// What comes with QoS 1 and 2 and is taken over later: while more comes, or when its connection has gone.
#include "tests/unit/mqtt/protocol/fixture.h"

namespace sluice::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class InboundLater : public BothVersions {
 protected:
  std::vector<std::string> ReceivePublish(unsigned qos, unsigned id, bool dup = false) {
    return peer_.Receive(PublishPacket(Mqtt5(), qos << 1 | (dup ? 8 : 0), "t", id, ""));
  }
  // An answer to PUBREL for an identifier that is not known.
  std::string NotFound(unsigned id) { return Mqtt5() ? Reasoned(0x70, id, 0x92) : Pubcomp(id); }
};
INSTANTIATE_TEST_SUITE_P(Mqtt, InboundLater, testing::Bool(), VersionName);

TEST_P(InboundLater, IsAcceptedUpToWhereTheConsumerHasCome) {
  peer_.Establish();
  for (unsigned id : {1u, 2u}) ReceivePublish(1, id);
  const uint64_t first = peer_->received();
  ReceivePublish(2, 3);
  peer_->Accept(first);
  peer_->AcknowledgeAccepted();
  EXPECT_EQ(peer_.SentHex(), Hex(Puback(1) + Puback(2)));
  EXPECT_EQ(peer_->received(), 3u);
  ReceivePublish(1, 4);
  peer_->Accept(3);
  peer_->Accept(first);
  peer_->AcknowledgeAccepted();
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrec(3)));
  peer_.Acknowledge();
  EXPECT_EQ(peer_.SentHex(), Hex(Puback(4)));
}

TEST_P(InboundLater, PubcompWaitsWhereItIsWithheld) {
  peer_->WithholdCompletions();
  peer_.Establish();
  for (unsigned id : {9u, 3u}) ReceivePublish(2, id);
  peer_.Acknowledge();
  peer_.Sent();
  EXPECT_THAT(peer_.Receive(Pubrel(9)), ElementsAre("released 9"));
  EXPECT_THAT(peer_.Receive(Pubrel(3)), ElementsAre("released 3"));
  EXPECT_EQ(peer_.Sent(), "");
  peer_->Complete(1);
  EXPECT_EQ(peer_.SentHex(), Hex(Pubcomp(9)));
  // Of a connection that is gone: PUBREL comes again.
  peer_.Reconnect(/*session_present=*/true);
  peer_.Sent();
  peer_->Complete(1);
  EXPECT_EQ(peer_.Sent(), "");
  peer_.Receive(Pubrel(3));
  peer_->Complete(1);
  EXPECT_EQ(peer_.SentHex(), Hex(NotFound(3)));
}

TEST_P(InboundLater, Qos2InDoubtIsADuplicateUntilItIsKnown) {
  peer_.Establish();
  for (unsigned id : {1u, 2u, 3u}) ReceivePublish(2, id);
  peer_.Reconnect(/*session_present=*/true);
  peer_.Sent();
  const std::vector<uint16_t> doubtful = {1, 2};
  peer_->KeepInDoubt(doubtful);
  for (unsigned id : {1u, 2u}) EXPECT_THAT(ReceivePublish(2, id, /*dup=*/true), IsEmpty());
  EXPECT_THAT(ReceivePublish(2, 3, /*dup=*/true), ElementsAre("publish t '' qos 2 id 3 dup"));
  peer_->AcknowledgeAccepted();
  EXPECT_EQ(peer_.Sent(), "");
  peer_->Resolve(doubtful, /*taken=*/true);
  peer_->Accept(2);
  peer_->AcknowledgeAccepted();
  EXPECT_EQ(peer_.SentHex(), Hex(Pubrec(1) + Pubrec(2)));
  peer_.Receive(Pubrel(1));
  EXPECT_EQ(peer_.SentHex(), Hex(Pubcomp(1)));
}

TEST_P(InboundLater, Qos2InDoubtThatWasNotTakenIsNew) {
  peer_.Establish();
  ReceivePublish(2, 1);
  peer_.Reconnect(/*session_present=*/true);
  const std::vector<uint16_t> doubtful = {1};
  peer_->KeepInDoubt(doubtful);
  peer_->Resolve(doubtful, /*taken=*/false);
  EXPECT_THAT(ReceivePublish(2, 1, /*dup=*/true), ElementsAre("publish t '' qos 2 id 1 dup"));
}

TEST_P(InboundLater, NothingIsInDoubtInANewSession) {
  peer_.Establish();
  ReceivePublish(2, 1);
  peer_->ConnectionLost();
  const std::vector<uint16_t> doubtful = {1};
  peer_->KeepInDoubt(doubtful);
  peer_.Reconnect(/*session_present=*/false);
  EXPECT_THAT(ReceivePublish(2, 1), ElementsAre("publish t '' qos 2 id 1"));
  peer_->Resolve(doubtful, /*taken=*/true);
  peer_.Sent();
  peer_->AcknowledgeAccepted();
  EXPECT_EQ(peer_.Sent(), "");
}

}  // namespace
}  // namespace sluice::wire
