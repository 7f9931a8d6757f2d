// What a worker of the SDK says of its work before it settles, and how much work it asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/integration/client/running_worker.h"

namespace sluice::client {
namespace {

TEST(AttemptTest, SaysWhatALongHandlerHasBegunAndNotWhatWaits) {
  FakeGateway gateway;
  Gate gate;
  const RunningWorker worker(For(gateway), [&gate](const Message&) { gate.Pass(); });
  const auto hello = gateway.ExpectHello();
  ASSERT_TRUE(hello);
  EXPECT_THAT(hello->features(), ::testing::ElementsAre("began"));
  const uint64_t first = gateway.Deliver(5);  // For two threads.
  std::set<uint64_t> begun;
  for (int i = 0; i < 2; ++i) begun.insert(gateway.ExpectBegan().value_or(0));
  EXPECT_THAT(begun, ::testing::ElementsAre(first, first + 1));
  gate.Open();
  EXPECT_EQ(gateway.ExpectSettles(5).size(), 5U);
}

TEST(AttemptTest, ExtendsOnlyWhatItHasBegun) {
  FakeGateway gateway;
  Gate gate;
  const RunningWorker worker(For(gateway), [&gate](const Message&) { gate.Pass(); });
  v1::Delivery delivery;
  delivery.set_lease_ms(200);
  const uint64_t first = gateway.Deliver(5, delivery);
  for (int i = 0; i < 6; ++i) EXPECT_LT(gateway.ExpectExtend().value_or(v1::Extend()).delivery_id(), first + 2);
  gate.Open();
}

TEST(AttemptTest, AShortHandlerIsSaidByItsSettleAlone) {
  FakeGateway gateway;
  Options options = For(gateway);
  options.window_messages = 10;
  const RunningWorker worker(options, Echo);
  for (int i = 0; i < 20; ++i) {
    gateway.Deliver();
    ASSERT_TRUE(gateway.ExpectSettle());
  }
  EXPECT_EQ(gateway.frames(), 20U);
}

TEST(AttemptTest, DoesNotBeginWhatTheGatewayHasTakenBackAndTellsAHandlerThatRuns) {
  FakeGateway gateway;
  Gate gate;
  std::atomic<int> ran = 0;
  std::atomic<int> abandoned = 0;
  Options options = For(gateway);
  options.concurrency = 1;
  const RunningWorker worker(options, [&](const Message&, Context& context) {
    gate.Pass();
    ++ran;
    if (context.Abandoned()) ++abandoned;
  });
  const uint64_t first = gateway.Deliver(3);
  ASSERT_TRUE(gate.AwaitArrivals(1));
  v1::GatewayFrame frame;
  for (const uint64_t id : {first, first + 1}) {
    frame.add_revokes()->set_delivery_id(id);
    frame.mutable_revokes()->rbegin()->set_reason(v1::Revoke::REASON_NOT_BEGUN);
  }
  gateway.Send(frame);
  frame.Clear();
  frame.mutable_ping()->set_nonce(99);
  gateway.Send(frame);
  ASSERT_EQ(gateway.ExpectPong(), 99) << "it has read what was before";
  gate.Open();
  const auto settle = gateway.ExpectSettle();
  ASSERT_TRUE(settle);
  EXPECT_EQ(settle->delivery_id(), first + 2);
  EXPECT_EQ(ran, 2);
  EXPECT_EQ(abandoned, 1);
}

TEST(AttemptTest, SendsNoReplyOfAMessageThatIsAnotherWorkers) {
  FakeGateway gateway;
  Gate gate;
  Gate sent;
  Status status;
  const RunningWorker worker(For(gateway), [&](const Message& message, Context& context) {
    if (message.payload == "first") {
      gate.Pass();
      status = context.Send(Reply{.topic = "late"});
      sent.Open();
    } else {
      (void)context.Send(Reply{.topic = "in time"});
    }
  });
  v1::Delivery delivery;
  delivery.set_payload("first");
  const uint64_t first = gateway.Deliver(1, delivery);
  ASSERT_TRUE(gate.AwaitArrivals(1));
  v1::GatewayFrame frame;
  frame.add_revokes()->set_delivery_id(first);
  frame.mutable_ping()->set_nonce(99);
  gateway.Send(frame);
  ASSERT_EQ(gateway.ExpectPong(), 99) << "it has read the revoke";
  gate.Open();
  sent.Pass();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  gateway.Deliver();
  EXPECT_EQ(gateway.ExpectEarlyReply().value_or(v1::Reply()).topic(), "in time");
}

TEST(AttemptTest, StopsExtendingWhatCannotBeExtended) {
  FakeGateway gateway;
  Gate gate;
  const RunningWorker worker(For(gateway), [&gate](const Message&) { gate.Pass(); });
  v1::Delivery delivery;
  delivery.set_lease_ms(200);
  const uint64_t first = gateway.Deliver(2, delivery);
  ASSERT_TRUE(gateway.ExpectExtend());
  v1::GatewayFrame frame;
  v1::Result& result = *frame.add_results();
  result.set_delivery_id(first);
  result.set_code(v1::Result::CODE_CLIPPED);
  result.set_lease_ms(100);
  frame.mutable_ping()->set_nonce(99);
  gateway.Send(frame);
  ASSERT_EQ(gateway.ExpectPong(), 99);
  gateway.ForgetExtends();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(gateway.ExpectExtend().value_or(v1::Extend()).delivery_id(), first + 1);
  gate.Open();
}

TEST(AttemptTest, AsksForNoMoreThanItsThreadsUntilItKnowsItsHandlersAndForManyWhenTheyAreShort) {
  FakeGateway gateway;
  const RunningWorker worker(For(gateway), Echo);
  const auto hello = gateway.ExpectHello();
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->window().messages(), 2U);
  gateway.Deliver(2);
  const auto window = gateway.ExpectWindow();
  ASSERT_TRUE(window);
  EXPECT_GT(window->messages(), 20U);
}

TEST(AttemptTest, AsksForLessWhenAllItsHandlersAreBusyForLong) {
  FakeGateway gateway;
  Gate gate;
  std::atomic<bool> slow = false;
  const RunningWorker worker(For(gateway), [&](const Message&) {
    if (slow) gate.Pass();
  });
  gateway.Deliver(2);
  ASSERT_TRUE(gateway.ExpectWindow());
  slow = true;
  gateway.Deliver(4);
  uint32_t last = 0;
  while (const auto window = gateway.ExpectWindow()) {
    last = window->messages();
    if (last == 2) break;
  }
  EXPECT_EQ(last, 2U);
  gate.Open();
}

TEST(AttemptTest, AWindowThatIsSetStaysAsItIs) {
  FakeGateway gateway;
  Options options = For(gateway);
  options.window_messages = 7;
  const RunningWorker worker(options, Echo);
  EXPECT_EQ(gateway.ExpectHello().value_or(v1::Hello()).window().messages(), 7U);
  gateway.Deliver(5);
  EXPECT_EQ(gateway.ExpectSettles(5).size(), 5U);
  // One more round of whatever would set it.
  std::this_thread::sleep_for(std::chrono::milliseconds(120));
  EXPECT_EQ(gateway.windows_waiting(), 0U);
}

}  // namespace
}  // namespace sluice::client
