// Replies that are not published.
#include "tests/unit/reply/settler_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(SettlerTest, ARetryPublishesNoReplyAndSaysSo) {
  uint64_t delivery = Deliver();
  Settle(delivery, Verdict::kRetry, ReplyTo("progress", 7));
  EXPECT_TRUE(publisher_.open().empty());
  EXPECT_EQ(journal_.settles, 0);
  ASSERT_EQ(results_->all.size(), 1u);
  EXPECT_EQ(results_->all[0].reply_id, 7u);
  EXPECT_EQ(results_->all[0].delivery_id, delivery);
  EXPECT_EQ(results_->all[0].code, ItemResult::Code::kNotPublished);
  EXPECT_EQ(metrics_.GetCounter("sluice_replies_not_sent_total", "", {{"reason", "retry"}}).value(), 1u);
}

TEST_F(SettlerTest, ARejectPublishesItsReplies) {
  Settle(Deliver(), Verdict::kReject, ReplyTo("sorry"));
  Settle(Deliver(), Verdict::kDrop, ReplyTo("dropped"));
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("sorry", "dropped"));
}

TEST_F(SettlerTest, AReplyThatTheGatewayRefusesGoesToTheDeadLettersInTheWriteThatEndsItsMessage) {
  uint64_t delivery = Deliver();
  const MessageId id = sink_->deliveries.back().message_id;
  Settle(delivery, Verdict::kAck, ReplyTo("secret/1", 9));
  EXPECT_TRUE(publisher_.open().empty());
  ASSERT_EQ(results_->all.size(), 1u);
  EXPECT_EQ(results_->all[0].code, ItemResult::Code::kDenied);
  // One write, so that neither a kill before it nor one behind it loses the answer.
  EXPECT_EQ(journal_.settles, 1);
  ASSERT_EQ(journal_.refusals.size(), 1u);
  EXPECT_EQ(journal_.refusals[0].reason, "denied: secret");
  EXPECT_EQ(journal_.refusals[0].worker, "w/1");
  EXPECT_EQ(journal_.depth().ingress_messages, 0u);
  EXPECT_EQ(journal_.depth().outbox_messages, 1u);
  ASSERT_EQ(denied_.all.size(), 1u);
  const RefusedReply& kept = denied_.all[0];
  EXPECT_TRUE(kept.by_gateway);
  EXPECT_NE(kept.record, 0u);
  EXPECT_EQ(kept.message->topic, "secret/1");
  EXPECT_EQ(kept.message->payload, "secret/1");
  EXPECT_EQ(kept.reason, "denied: secret");
  EXPECT_EQ(kept.worker, "w/1");
  EXPECT_EQ(kept.chain, "c");
  EXPECT_EQ(kept.route, "temperature");
  EXPECT_EQ(kept.message_id, id);
  EXPECT_EQ(metrics_.GetCounter("sluice_replies_denied_total", "", {{"chain", "c"}, {"reason", "denied"}}).value(), 1u);
  // It holds its place until the dead letters have it.
  EXPECT_EQ(outbox_.outstanding(), 1u);
  denied_.all.clear();
  EXPECT_EQ(outbox_.outstanding(), 0u);
}

TEST_F(SettlerTest, AChainOfTheConfigurationHasItsCountersBeforeAnyReplyIsRefused) {
  settler_.Expect(chain_);
  const std::string text = PrometheusText(metrics_);
  for (const char* reason : {"denied", "invalid_topic", "invalid_qos", "too_large", "invalid"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("sluice_replies_denied_total{chain=\"c\",reason=\"", reason, "\"} 0")));
  }
}

TEST_F(SettlerTest, EveryKindOfRefusalIsKept) {
  for (const char* topic : {"a/#", "", "tab\there", "secret/x"}) Settle(Deliver(), Verdict::kAck, ReplyTo(topic));
  Settle(Deliver(), Verdict::kAck, ReplyTo("answer", 0, 7));
  std::vector<std::string> reasons;
  for (const RefusedReply& reply : denied_.all) reasons.push_back(reply.reason.substr(0, reply.reason.find(':')));
  EXPECT_THAT(reasons, ElementsAre("invalid_topic", "invalid_topic", "denied", "invalid_qos"));
  EXPECT_EQ(denied_.all.back().message->qos, Qos::kExactlyOnce);
}

TEST_F(SettlerTest, ARefusedReplyOfQos0ToAMessageOfQos0IsKeptWithoutARecord) {
  Settle(Deliver({.qos = Qos::kAtMostOnce}), Verdict::kAck, ReplyTo("secret/1", 0, 0));
  EXPECT_EQ(journal_.settles, 0);
  ASSERT_EQ(denied_.all.size(), 1u);
  EXPECT_EQ(denied_.all[0].record, 0u);
}

TEST_F(SettlerTest, ARefusedReplyIsHeldWithTheRestWhileTheJournalCannotBeWritten) {
  uint64_t delivery = Deliver();
  journal_.full = true;
  Settle(delivery, Verdict::kAck, ReplyTo("secret/1"));
  EXPECT_TRUE(denied_.all.empty());
  Recover();
  EXPECT_EQ(denied_.all.size(), 1u);
}

TEST_F(SettlerTest, WhereRefusedRepliesAreDroppedTheyAreToldAndCountedOnly) {
  rules_.keep_denied = false;
  Settler settler(clock_, dispatcher_, journal_, outbox_, rules_, metrics_, {}, [](bool) {});
  WorkerSettle settle;
  settle.delivery_id = Deliver();
  settle.replies.push_back(std::move(ReplyTo("secret/1")[0]));
  std::vector<WorkerSettle> settles;
  settles.push_back(std::move(settle));
  settler.OnSettles(session_, std::move(settles), results_);
  EXPECT_TRUE(denied_.all.empty());
  EXPECT_EQ(journal_.depth().outbox_messages, 0u);
  EXPECT_EQ(metrics_.GetCounter("sluice_replies_denied_total", "", {{"chain", "c"}, {"reason", "denied"}}).value(), 1u);
}

TEST_F(SettlerTest, AReplysExpiryCountsFromWhenItCame) {
  std::vector<WorkerReply> replies = ReplyTo("answer");
  replies[0].properties = std::make_unique<Properties>();
  replies[0].properties->expiry_s = 3;
  Settle(Deliver(), Verdict::kAck, std::move(replies));
  ASSERT_EQ(publisher_.open().size(), 1u);
  const OutboundMessage& message = *publisher_.open()[0].message;
  EXPECT_EQ(message.made, clock_.Now());
  EXPECT_EQ(message.made_unix_ms, clock_.UnixMillis());
  EXPECT_EQ(message.ExpiryLeft(clock_.Now() + Millis(2'500)), 1u);
  EXPECT_EQ(message.expires(), clock_.Now() + Millis(3'000));
}

TEST_F(SettlerTest, AReplyGoesOnlyWhereTheWorkersRulesLetItForTheMessageThatItHolds) {
  const std::shared_ptr<BoundSink> sink =
      Bound({.name = "r", .who = {"**"}, .chains = {"c"}, .allow_replies = {"plant/${topic.2}/reply"}});
  const uint64_t of_7 = Deliver({.topic = "plant/7/temp"});
  const uint64_t of_8 = Deliver({.topic = "plant/8/temp"});
  const auto reply = [&](uint64_t delivery, const std::string& topic) {
    std::vector<WorkerReply> replies = ReplyTo(topic, delivery);
    replies[0].delivery_id = delivery;
    settler_.OnReplies(session_, std::move(replies), sink);
  };
  reply(of_7, "plant/8/reply");
  ASSERT_EQ(sink->all.size(), 1);
  EXPECT_EQ(sink->all[0].code, ItemResult::Code::kDenied);
  EXPECT_THAT(sink->all[0].message, HasSubstr("no rule permits"));
  ASSERT_EQ(denied_.all.size(), 1) << "it goes the way of replies.onDenied";
  EXPECT_THAT(journal_.refusals.at(0).reason, HasSubstr("not_permitted: "));
  EXPECT_THAT(PrometheusText(metrics_),
              HasSubstr("sluice_replies_denied_total{chain=\"c\",reason=\"not_permitted\"} 1"));
  reply(of_8, "plant/8/reply");
  reply(of_7, "plant/7/reply");
  EXPECT_EQ(publisher_.open().size(), 2);
}

TEST_F(SettlerTest, NobodyPublishesForAMessageThatAnotherHolds) {
  const std::shared_ptr<BoundSink> sink = Bound({.name = "r", .who = {"**"}, .chains = {"c"}, .allow_replies = {"#"}});
  const uint64_t delivery = Deliver({.topic = "plant/7/temp"});
  const SessionId other =
      dispatcher_.AddSession({.worker = "w/2", .chains = {&chain_}, .window = {100, 0}, .lease = Millis(0)},
                             std::make_shared<CollectingSink>());
  std::vector<WorkerReply> replies = ReplyTo("plant/7/reply", 1);
  replies[0].delivery_id = delivery;
  settler_.OnReplies(other, std::move(replies), sink);
  ASSERT_EQ(sink->all.size(), 1);
  EXPECT_EQ(sink->all[0].code, ItemResult::Code::kStale);
  EXPECT_TRUE(publisher_.open().empty());
}

}  // namespace
}  // namespace sluice
