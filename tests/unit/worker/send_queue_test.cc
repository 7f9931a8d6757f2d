#include "server/worker/send_queue.h"

#include <gtest/gtest.h>

#include "server/worker/frame_encoder.h"
#include "tests/support/worker_fakes.h"

namespace sluice {
namespace {

constexpr SteadyTime kAnyTime = SteadyTime(Millis(1'000'000));

class SendQueueTest : public testing::Test {
 protected:
  PendingDelivery Pending(uint64_t id, size_t payload_bytes, Millis lease = Millis(30'000)) {
    PendingDelivery pending;
    pending.delivery.id = id;
    pending.delivery.message = MakeMessage("t", std::string(payload_bytes, 'x'));
    pending.delivery.route = &route_;
    pending.delivery.chain = &chain_;
    pending.lease_ends = kAnyTime + lease;
    pending.size_bound = DeliverySizeBound(pending.delivery);
    return pending;
  }
  static OutgoingFrame Take(SendQueue& queue) {
    OutgoingFrame frame;
    queue.Take(kAnyTime, &frame);
    return frame;
  }

  Route route_;
  Chain chain_;
};

TEST_F(SendQueueTest, GathersEverythingIntoOneFrame) {
  SendQueue queue({});
  EXPECT_TRUE(queue.empty());
  for (uint64_t id = 1; id <= 3; ++id) EXPECT_TRUE(queue.AddDelivery(Pending(id, 10)));
  EXPECT_TRUE(queue.AddResults({{.reply_id = 7, .message = ""}}));
  queue.SetPing(1);
  queue.SetPong(2);
  queue.SetPong(3);
  OutgoingFrame frame = Take(queue);
  EXPECT_EQ(frame.deliveries.size(), 3);
  EXPECT_EQ(frame.results.size(), 1);
  EXPECT_EQ(frame.ping, 1);
  EXPECT_EQ(frame.pong, 3);
  EXPECT_TRUE(queue.empty());
}

TEST_F(SendQueueTest, TheWelcomeGoesFirstAndAlone) {
  SendQueue queue({});
  queue.AddDelivery(Pending(1, 10));
  queue.SetWelcome("hi");
  OutgoingFrame frame = Take(queue);
  EXPECT_EQ(frame.welcome, "hi");
  EXPECT_TRUE(frame.deliveries.empty());
  EXPECT_EQ(Take(queue).deliveries.size(), 1);
}

TEST_F(SendQueueTest, SplitsByCountAndByBytes) {
  SendQueue queue({.frame_deliveries = 4, .frame_bytes = 10'000});
  for (uint64_t id = 1; id <= 5; ++id) queue.AddDelivery(Pending(id, 10));
  queue.AddDelivery(Pending(6, 50'000));
  queue.AddDelivery(Pending(7, 10));
  EXPECT_EQ(Take(queue).deliveries.size(), 4);
  EXPECT_EQ(Take(queue).deliveries.size(), 1);
  EXPECT_EQ(Take(queue).deliveries.size(), 1) << "a large one goes alone";
  EXPECT_EQ(Take(queue).deliveries.size(), 1);
  EXPECT_TRUE(queue.empty());
}

TEST_F(SendQueueTest, NoFrameExceedsTheLimitWhateverWaits) {
  SendLimits limits{.max_frame_bytes = kMinFrameBytes, .frame_bytes = 1u << 20};
  SendQueue queue(limits);
  for (uint64_t id = 1; id <= 200; ++id) {
    EXPECT_TRUE(queue.AddDelivery(Pending(id, (id * 7'919) % 48'000)));
    queue.AddResults({{.reply_id = id, .message = std::string((id * 131) % 3'000, 'm')}});
  }
  queue.SetDrain({.deadline = Millis(1), .reason = std::string(1'000, 'r')});
  FrameEncoder encoder;
  size_t deliveries = 0;
  size_t results = 0;
  while (!queue.empty()) {
    OutgoingFrame frame = Take(queue);
    deliveries += frame.deliveries.size();
    results += frame.results.size();
    EXPECT_TRUE(!frame.drain || deliveries == 200);
    EXPECT_LE(encoder.Encode(frame, kAnyTime).size(), limits.max_frame_bytes);
  }
  EXPECT_EQ(deliveries, 200);
  EXPECT_EQ(results, 200);
}

TEST_F(SendQueueTest, RefusesADeliveryThatFitsNoFrame) {
  SendQueue queue({.max_frame_bytes = kMinFrameBytes});
  EXPECT_FALSE(queue.AddDelivery(Pending(1, kMinFrameBytes)));
  EXPECT_TRUE(queue.empty());
}

TEST_F(SendQueueTest, LeavesOutDeliveriesWhoseLeaseHasEnded) {
  SendQueue queue({});
  queue.AddDelivery(Pending(1, 10, Millis(0)));
  queue.AddDelivery(Pending(2, 10));
  OutgoingFrame frame = Take(queue);
  ASSERT_EQ(frame.deliveries.size(), 1);
  EXPECT_EQ(frame.deliveries[0].delivery.id, 2);
  queue.AddDelivery(Pending(3, 10, Millis(-5)));
  EXPECT_TRUE(Take(queue).empty());
}

TEST_F(SendQueueTest, RefusesMoreResultsThanItsBounds) {
  SendQueue queue({.max_results = 3});
  EXPECT_TRUE(queue.AddResults(std::vector<ItemResult>(2)));
  EXPECT_FALSE(queue.AddResults(std::vector<ItemResult>(2)));
  EXPECT_EQ(queue.results(), 2);
  Take(queue);
  EXPECT_TRUE(queue.AddResults(std::vector<ItemResult>(5))) << "one frame's results, when nothing waits";
  SendQueue by_bytes({.max_result_bytes = 1'000});
  EXPECT_TRUE(by_bytes.AddResults({{.message = std::string(800, 'm')}}));
  EXPECT_FALSE(by_bytes.AddResults({{.message = std::string(800, 'm')}}));
}

TEST_F(SendQueueTest, TheDrainNoticeComesAfterTheLastDelivery) {
  SendQueue queue({.frame_deliveries = 1});
  queue.AddDelivery(Pending(1, 10));
  queue.AddDelivery(Pending(2, 10));
  queue.SetDrain({.deadline = Millis(5), .reason = "enough"});
  EXPECT_FALSE(Take(queue).drain.has_value());
  EXPECT_TRUE(Take(queue).drain.has_value());
}

}  // namespace
}  // namespace sluice
