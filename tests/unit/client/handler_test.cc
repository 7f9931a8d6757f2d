#include "sluice/handler.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace sluice::client {
namespace {

// Remembers what a handler made of a message.
class RecordingContext final : public Context {
 public:
  Status Send(const Reply& reply) override {
    early.push_back(reply);
    return {};
  }
  bool Abandoned() const override { return false; }

  std::vector<Reply> early;
  std::vector<Settlement> settlements;

 private:
  void Settle(Outcome outcome, std::string_view reason, std::chrono::milliseconds retry_after,
              std::span<const Reply> replies) override {
    settlements.push_back({outcome, std::string(reason), retry_after, {replies.begin(), replies.end()}});
  }
};

Settlement Handle(const Handler& handler) {
  RecordingContext context;
  handler.Run(Message{}, context);
  EXPECT_EQ(context.settlements.size(), 1U);
  return context.settlements.at(0);
}

TEST(HandlerTest, AReplyIsAnAckWithIt) {
  const Settlement settlement = Handle([](const Message&) { return Reply{.topic = "t"}; });
  EXPECT_EQ(settlement.outcome, Outcome::kAck);
  ASSERT_EQ(settlement.replies.size(), 1U);
  EXPECT_EQ(settlement.replies[0].topic, "t");
}

TEST(HandlerTest, RepliesKeepTheirOrder) {
  const Settlement settlement =
      Handle([](const Message&) { return std::vector<Reply>{{.topic = "1"}, {.topic = "2"}}; });
  ASSERT_EQ(settlement.replies.size(), 2U);
  EXPECT_EQ(settlement.replies[1].topic, "2");
}

TEST(HandlerTest, ASettlementIsWhatItSays) {
  const Settlement settlement =
      Handle([](const Message&) { return Settlement::Retry("later", std::chrono::milliseconds(5)); });
  EXPECT_EQ(settlement.outcome, Outcome::kRetry);
  EXPECT_EQ(settlement.reason, "later");
  EXPECT_EQ(settlement.retry_after, std::chrono::milliseconds(5));
}

TEST(HandlerTest, NothingIsAnAckWithoutReplies) {
  const Settlement settlement = Handle([](const Message&) {});
  EXPECT_EQ(settlement.outcome, Outcome::kAck);
  EXPECT_TRUE(settlement.replies.empty());
}

TEST(HandlerTest, AnExceptionIsARetryWithItsText) {
  const Settlement settlement = Handle([](const Message&) -> Reply { throw std::runtime_error("broken"); });
  EXPECT_EQ(settlement.outcome, Outcome::kRetry);
  EXPECT_EQ(settlement.reason, "broken");
  EXPECT_EQ(Handle([](const Message&) { throw 7; }).outcome, Outcome::kRetry);
}

TEST(HandlerTest, TakesAContextWhereItIsWanted) {
  RecordingContext context;
  const Handler handler = [](const Message&, Context& to) { (void)to.Send({.topic = "early"}); };
  handler.Run(Message{}, context);
  EXPECT_EQ(context.early.size(), 1U);
  EXPECT_EQ(context.settlements.size(), 1U);
}

}  // namespace
}  // namespace sluice::client
