// How a worker of the SDK answers, against a gateway that does as the test says.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/integration/client/running_worker.h"

namespace sluice::client {
namespace {

class AnswersTest : public ::testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(InlineAndPooled, AnswersTest, ::testing::Values(0, 1, 4));

TEST_P(AnswersTest, SettlesEveryDeliveryWithItsReply) {
  FakeGateway gateway;
  Options options = For(gateway);
  options.concurrency = GetParam();
  RunningWorker worker(options, Echo);
  gateway.Deliver(1, WithPayload("a"));
  gateway.Deliver(500, WithPayload(std::string("\0b", 2)));
  gateway.Deliver(3, WithPayload(std::string(300'000, 'c')));
  std::set<uint64_t> ids;
  for (const v1::Settle& settle : gateway.ExpectSettles(504)) {
    ids.insert(settle.delivery_id());
    EXPECT_EQ(settle.outcome(), v1::OUTCOME_ACK);
    ASSERT_EQ(settle.replies_size(), 1);
    EXPECT_EQ(settle.replies(0).topic(), "reply");
    EXPECT_EQ(settle.replies(0).qos(), 1U);
    const size_t size = settle.delivery_id() == 1 ? 1 : settle.delivery_id() <= 501 ? 2 : 300'000;
    EXPECT_EQ(settle.replies(0).payload().size(), size);
  }
  EXPECT_EQ(ids.size(), 504U);
  EXPECT_EQ(worker.worker().GetStats().received, 504U);
}

TEST(WorkerTest, GathersSettlesIntoFewFrames) {
  FakeGateway gateway;
  Options options = For(gateway);
  options.concurrency = 0;
  options.window_messages = 1'000;
  const RunningWorker worker(options, Echo);
  gateway.Deliver(500, WithPayload("x"));
  EXPECT_EQ(gateway.ExpectSettles(500).size(), 500U);
  EXPECT_LE(gateway.frames(), 2U);
}

TEST(WorkerTest, GathersWhatComesWhileAWriteIsUnderWay) {
  FakeGateway gateway;
  Options options = For(gateway);
  options.window_messages = 100'000;
  const RunningWorker worker(options, Echo);
  gateway.ExpectHello();
  gateway.StopReading();
  constexpr size_t kCount = 20'000;  // More than the sockets' and HTTP/2's buffers take.
  for (size_t sent = 0; sent < kCount; sent += 500) gateway.Deliver(500, WithPayload(std::string(500, 'x')));
  gateway.ReadAgain();
  EXPECT_EQ(gateway.ExpectSettles(kCount).size(), kCount);
  EXPECT_LT(gateway.frames(), kCount / 4);
}

TEST(WorkerTest, KeepsFramesBelowTheGatewaysLimit) {
  FakeGateway::Options limits;
  limits.max_frame_bytes = 50'000;
  FakeGateway gateway(limits);
  const RunningWorker worker(For(gateway), Echo);
  gateway.Deliver(20, WithPayload(std::string(30'000, 'x')));
  EXPECT_EQ(gateway.ExpectSettles(20).size(), 20U);
  EXPECT_GE(gateway.frames(), 20U);
}

TEST(WorkerTest, RejectsWhatItCannotSendBecauseTheReplyIsTooLarge) {
  FakeGateway::Options limits;
  limits.max_frame_bytes = 50'000;
  FakeGateway gateway(limits);
  RunningWorker worker(For(gateway), [](const Message&) { return Reply{.payload = std::string(60'000, 'x')}; });
  gateway.Deliver();
  const auto settle = gateway.ExpectSettle();
  ASSERT_TRUE(settle);
  EXPECT_EQ(settle->outcome(), v1::OUTCOME_REJECT);
  EXPECT_NE(settle->reason().find("50000"), std::string::npos);
  EXPECT_TRUE(worker.Await(Kind::kItemRefused));
}

TEST(WorkerTest, RetriesWithTheExceptionsText) {
  FakeGateway gateway;
  const RunningWorker worker(For(gateway),
                             [](const Message&) -> Settlement { throw std::runtime_error("no database"); });
  gateway.Deliver();
  const auto settle = gateway.ExpectSettle();
  ASSERT_TRUE(settle);
  EXPECT_EQ(settle->outcome(), v1::OUTCOME_RETRY);
  EXPECT_EQ(settle->reason(), "no database");
}

TEST(WorkerTest, SendsRepliesAheadOfTheSettleInOrder) {
  FakeGateway gateway;
  Gate gate;
  const RunningWorker worker(For(gateway), [&gate](const Message&, Context& context) {
    EXPECT_TRUE(context.Send({.topic = "first"}).ok());
    EXPECT_TRUE(context.Send({.topic = "second"}).ok());
    gate.Pass();
    return Settlement::Drop("done");
  });
  const uint64_t id = gateway.Deliver();
  const auto first = gateway.ExpectEarlyReply();
  const auto second = gateway.ExpectEarlyReply();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->delivery_id(), id);
  EXPECT_EQ(first->topic(), "first");
  EXPECT_EQ(second->topic(), "second");
  EXPECT_EQ(gateway.settles_waiting(), 0U);
  gate.Open();
  const auto settle = gateway.ExpectSettle();
  ASSERT_TRUE(settle);
  EXPECT_EQ(settle->outcome(), v1::OUTCOME_DROP);
}

TEST(WorkerTest, ExtendsTheLeaseOfALongHandlerAtItsHalf) {
  FakeGateway gateway;
  Gate gate;
  const RunningWorker worker(For(gateway), [&gate](const Message&) { gate.Pass(); });
  v1::Delivery delivery;
  delivery.set_lease_ms(100);
  const uint64_t id = gateway.Deliver(1, delivery);
  for (int i = 0; i < 3; ++i) {
    const auto extend = gateway.ExpectExtend();
    ASSERT_TRUE(extend);
    EXPECT_EQ(extend->delivery_id(), id);
    EXPECT_EQ(extend->lease_ms(), 100U);
  }
  gate.Open();
  EXPECT_TRUE(gateway.ExpectSettle());
}

TEST(WorkerTest, TellsALongHandlerThatItsLeaseIsLost) {
  FakeGateway gateway;
  Gate gate;
  std::atomic<bool> abandoned = false;
  const RunningWorker worker(For(gateway), [&](const Message&, Context& context) {
    gate.Pass();
    abandoned = context.Abandoned();
  });
  const uint64_t id = gateway.Deliver();
  ASSERT_TRUE(gate.AwaitArrivals(1));
  v1::GatewayFrame frame;
  v1::Result& result = *frame.add_results();
  result.set_delivery_id(id);
  result.set_code(v1::Result::CODE_STALE);
  frame.mutable_ping()->set_nonce(1);
  gateway.Send(frame);
  // The answer to a later ping proves that the result was read.
  gateway.Deliver(1, {});
  ASSERT_TRUE(gate.AwaitArrivals(2));
  gate.Open();
  const auto settle = gateway.ExpectSettle();
  ASSERT_TRUE(settle);
  EXPECT_EQ(settle->delivery_id(), id + 1);
}

TEST(WorkerTest, HandsResultsToTheUserAndLivesOn) {
  FakeGateway gateway;
  std::mutex mutex;
  std::vector<ItemResult> results;
  Options options = For(gateway);
  options.on_result = [&](const ItemResult& result) {
    const std::lock_guard lock(mutex);
    results.push_back(result);
  };
  const RunningWorker worker(options, Echo);
  v1::GatewayFrame frame;
  v1::Result& stale = *frame.add_results();
  stale.set_delivery_id(77);
  stale.set_code(v1::Result::CODE_STALE);
  v1::Result& denied = *frame.add_results();
  denied.set_reply_id(5);
  denied.set_code(v1::Result::CODE_DENIED);
  denied.set_message("not in replies.allow");
  gateway.Send(frame);
  gateway.Deliver();
  EXPECT_TRUE(gateway.ExpectSettle());
  EXPECT_EQ(gateway.streams(), 1);
  const std::lock_guard lock(mutex);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].code, ItemResult::Code::kStale);
  EXPECT_EQ(results[1].reply_id, 5U);
  EXPECT_EQ(results[1].message, "not in replies.allow");
}

TEST(WorkerTest, StopsReadingWhenTheGatewayIgnoresTheWindow) {
  FakeGateway gateway;
  Gate gate;
  Options options = For(gateway);
  options.window_messages = 4;
  RunningWorker worker(options, [&gate](const Message&) { gate.Pass(); });
  for (int i = 0; i < 50; ++i) gateway.Deliver(1, WithPayload(std::string(100'000, 'x')));
  ASSERT_TRUE(gate.AwaitArrivals(2));
  // The fifth makes it too many; what follows stays with the gateway and in the sockets' buffers.
  EXPECT_LE(worker.worker().GetStats().received, 5U);
  gate.Open();
  EXPECT_EQ(gateway.ExpectSettles(50).size(), 50U);
}

}  // namespace
}  // namespace sluice::client
