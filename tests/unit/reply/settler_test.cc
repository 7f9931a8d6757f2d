#include "tests/unit/reply/settler_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;

TEST_F(SettlerTest, AnAckEndsTheMessageAndPutsItsRepliesIntoTheOutbox) {
  uint64_t delivery = Deliver();
  EXPECT_EQ(journal_.depth().ingress_messages, 1u);
  Settle(delivery, Verdict::kAck, ReplyTo("answer"));
  EXPECT_EQ(journal_.depth().ingress_messages, 0u);
  EXPECT_EQ(journal_.depth().outbox_messages, 1u);
  ASSERT_EQ(publisher_.open().size(), 1u);
  EXPECT_EQ(publisher_.open()[0].message->topic, "answer");
  EXPECT_EQ(dispatcher_.Backlog(), 0u);
}

TEST_F(SettlerTest, ASecondSettleIsStaleAndPublishesNothing) {
  uint64_t delivery = Deliver();
  Settle(delivery, Verdict::kAck);
  Settle(delivery, Verdict::kAck, ReplyTo("answer", 9));
  EXPECT_TRUE(publisher_.open().empty());
  ASSERT_EQ(results_->all.size(), 2u);
  EXPECT_EQ(results_->all[0].code, ItemResult::Code::kStale);
  EXPECT_EQ(results_->all[0].reply_id, 0u);
  EXPECT_EQ(results_->all[1].reply_id, 9u);
}

TEST_F(SettlerTest, ARetryKeepsTheRecord) {
  Settle(Deliver(), Verdict::kRetry);
  EXPECT_EQ(journal_.depth().ingress_messages, 1u);
  EXPECT_EQ(dispatcher_.Backlog(), 1u);
}

TEST_F(SettlerTest, ARejectGoesToTheDeadLettersWithItsReasonAndKeepsItsRecord) {
  Settle(Deliver(), Verdict::kReject);
  ASSERT_EQ(dead_letters_.size(), 1u);
  EXPECT_EQ(dead_letters_[0].reason, "rejected: because");
  EXPECT_EQ(dead_letters_[0].worker, "w/1");
  EXPECT_EQ(journal_.depth().ingress_messages, 1u);
  EXPECT_EQ(dispatcher_.Backlog(), 0u);
}

TEST_F(SettlerTest, AnInvalidReplyIsToldAndTheAckHolds) {
  Settle(Deliver(), Verdict::kAck, ReplyTo("a/#"));
  ASSERT_EQ(results_->all.size(), 1u);
  EXPECT_EQ(results_->all[0].code, ItemResult::Code::kInvalidTopic);
  EXPECT_EQ(dispatcher_.Backlog(), 0u);
  EXPECT_TRUE(publisher_.open().empty());
}

TEST_F(SettlerTest, AReplyAheadOfItsSettleLeavesTheMessageInFlight) {
  uint64_t delivery = Deliver();
  std::vector<WorkerReply> replies = ReplyTo("progress", 5);
  replies[0].delivery_id = delivery;
  settler_.OnReplies(session_, std::move(replies), results_);
  EXPECT_EQ(publisher_.open().size(), 1u);
  EXPECT_EQ(dispatcher_.Backlog(), 1u);
  publisher_.ConfirmAll();
  ASSERT_EQ(results_->all.size(), 1u);
  EXPECT_EQ(results_->all[0].reply_id, 5u);
}

TEST_F(SettlerTest, AReplyToAForeignDeliveryIsStale) {
  std::vector<WorkerReply> replies = ReplyTo("progress", 5);
  replies[0].delivery_id = 12345;
  settler_.OnReplies(session_, std::move(replies), results_);
  EXPECT_TRUE(publisher_.open().empty());
  ASSERT_EQ(results_->all.size(), 1u);
  EXPECT_EQ(results_->all[0].code, ItemResult::Code::kStale);
}

TEST_F(SettlerTest, ReplyWithoutATopicIsOkAndPublishesNothing) {
  Settle(Deliver(), Verdict::kAck, ReplyTo("", 3));
  EXPECT_TRUE(publisher_.open().empty());
  ASSERT_EQ(results_->all.size(), 1u);
  EXPECT_EQ(results_->all[0].code, ItemResult::Code::kOk);
}

TEST_F(SettlerTest, QosZeroRepliesWaitForTheBrokerOnlyIfTheirMessageWasAcknowledged) {
  Settle(Deliver({.qos = Qos::kAtMostOnce}), Verdict::kAck, ReplyTo("t", 0, 0));
  Settle(Deliver({.qos = Qos::kAtLeastOnce}), Verdict::kAck, ReplyTo("t", 0, 0));
  ASSERT_EQ(publisher_.open().size(), 2u);
  EXPECT_FALSE(publisher_.open()[0].wait_for_connection);
  EXPECT_TRUE(publisher_.open()[1].wait_for_connection);
  EXPECT_EQ(journal_.depth().outbox_messages, 1u);
}

TEST_F(SettlerTest, TheJournalIsToldWhereARepliesIsToBePublished) {
  Settle(Deliver(), Verdict::kAck, ReplyTo("answer"));
  EXPECT_THAT(journal_.connections, ElementsAre("plant"));
}

TEST_F(SettlerTest, NothingThatNeedsNoRecordTouchesTheJournal) {
  Settle(Deliver({.qos = Qos::kAtMostOnce}), Verdict::kAck, ReplyTo("t", 0, 0));
  Settle(Deliver(), Verdict::kRetry);
  EXPECT_EQ(journal_.settles, 0);
}

}  // namespace
}  // namespace sluice
