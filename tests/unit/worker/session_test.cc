// What an open stream carries: the Welcome, deliveries within the window, settles, extends.
#include "server/worker/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/unit/worker/session_fixture.h"

namespace sluice {
namespace {

using testing::HasSubstr;

TEST_F(SessionTest, WelcomesAndDeliversWithinTheWindow) {
  source_.Publish(NewMessage(), 3);
  EXPECT_TRUE(worker_.SayHello(2));
  std::optional<v1::GatewayFrame> first = worker_.Read();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->welcome().protocol_version(), 1);
  EXPECT_EQ(first->welcome().session_id(), "s-1");
  EXPECT_EQ(first->welcome().gateway(), "gw-0");
  EXPECT_EQ(first->welcome().accepted_chains(0).chain(), "temperature");
  EXPECT_EQ(first->welcome().accepted_chains(0).lease_ms(), 30'000);
  EXPECT_EQ(first->welcome().accepted_chains(0).max_lease_ms(), 600'000);
  EXPECT_EQ(first->welcome().max_window().messages(), 100);
  EXPECT_EQ(first->welcome().heartbeat_interval_ms(), 10'000);
  EXPECT_EQ(first->welcome().max_frame_bytes(), 1u << 20);
  std::optional<v1::GatewayFrame> second = worker_.Read();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->deliveries_size(), 2);
  EXPECT_FALSE(worker_.Read());

  worker_.Settle(second->deliveries(0).delivery_id());
  EXPECT_EQ(worker_.Read()->deliveries_size(), 1);
  EXPECT_EQ(source_.options(1).worker, "alarm/pod-1");
  EXPECT_EQ(metrics_.GetGauge("sluice_worker_streams", "").value(), 1);
  EXPECT_EQ(metrics_.GetGauge("sluice_worker_window_messages", "").value(), 2);
}

TEST_F(SessionTest, WhatComesDuringAWriteLeavesInOneFrame) {
  OpenAndReadWelcome();
  source_.Publish(NewMessage());
  worker_.Turn();
  for (int i = 0; i < 5; ++i) source_.Publish(NewMessage());
  worker_.session().SendResults({{.reply_id = 9, .message = ""}});
  EXPECT_EQ(worker_.Read()->deliveries_size(), 1);
  std::optional<v1::GatewayFrame> second = worker_.Read();
  EXPECT_EQ(second->deliveries_size(), 5);
  EXPECT_EQ(second->results_size(), 1);
}

TEST_F(SessionTest, WhatAFrameCausesLeavesInOneFrame) {
  source_.Publish(NewMessage(), 4);
  OpenAndReadWelcome(2);
  v1::GatewayFrame deliveries = *worker_.Read();
  v1::WorkerFrame frame;
  for (const v1::Delivery& delivery : deliveries.deliveries()) {
    frame.add_settles()->set_delivery_id(delivery.delivery_id());
    frame.mutable_settles()->rbegin()->add_replies()->set_reply_id(delivery.delivery_id());
  }
  frame.mutable_ping()->set_nonce(4);
  int writes = worker_.writes();
  worker_.Say(frame);
  v1::GatewayFrame answer = *worker_.Read();
  EXPECT_EQ(worker_.writes(), writes + 1);
  EXPECT_EQ(answer.deliveries_size(), 2);
  EXPECT_EQ(answer.results_size(), 2);
  EXPECT_EQ(answer.pong().nonce(), 4);
}

TEST_F(SessionTest, HoldsTheWindowToItsMaximum) {
  v1::WorkerFrame frame;
  OpenAndReadWelcome(UINT32_MAX);
  EXPECT_EQ(source_.window(1).messages, 100);
  EXPECT_EQ(source_.window(1).bytes, 1'000'000) << "no limit of its own is the gateway's";
  frame.mutable_window()->set_messages(3);
  frame.mutable_window()->set_bytes(500);
  worker_.Say(frame);
  EXPECT_EQ(source_.window(1).messages, 3);
  EXPECT_EQ(source_.window(1).bytes, 500);
  frame.mutable_window()->set_messages(0);
  worker_.Say(frame);
  EXPECT_EQ(source_.window(1).messages, 0);
  EXPECT_EQ(metrics_.GetGauge("sluice_worker_window_messages", "").value(), 0);
}

TEST_F(SessionTest, AWorkerThatDoesNotReadGetsNothingNewUntilItDoes) {
  OpenAndReadWelcome(3);
  source_.Publish(NewMessage());
  worker_.Turn();
  clock_.Advance(Millis(1'001));
  source_.Publish(NewMessage());
  EXPECT_EQ(source_.window(1).messages, 0);
  source_.Publish(NewMessage());
  EXPECT_EQ(source_.waiting(), 1) << "for another worker";
  EXPECT_EQ(worker_.Read()->deliveries_size(), 1);
  EXPECT_EQ(source_.window(1).messages, 3);
  EXPECT_EQ(source_.waiting(), 0);
  EXPECT_EQ(worker_.Read()->deliveries_size(), 2);
}

TEST_F(SessionTest, LeavesOutDeliveriesWhoseLeaseEndedWhileItWaited) {
  source_.set_lease(Millis(5'000));
  OpenAndReadWelcome();
  source_.Publish(NewMessage());
  worker_.Turn();
  source_.Publish(NewMessage());
  clock_.Advance(Millis(4'000));
  source_.Publish(NewMessage());
  clock_.Advance(Millis(1'000));
  EXPECT_EQ(worker_.Read()->deliveries(0).delivery_id(), 1);
  v1::GatewayFrame second = *worker_.Read();
  ASSERT_EQ(second.deliveries_size(), 1);
  EXPECT_EQ(second.deliveries(0).delivery_id(), 3);
  EXPECT_EQ(second.deliveries(0).lease_ms(), 4'000);
}

TEST_F(SessionTest, ExtendsLeasesAndAnswersTheStaleOnes) {
  source_.Publish(NewMessage());
  OpenAndReadWelcome();
  uint64_t id = worker_.Read()->deliveries(0).delivery_id();
  v1::WorkerFrame frame;
  v1::Extend* extend = frame.add_extends();
  extend->set_delivery_id(id);
  extend->set_lease_ms(60'000);
  *frame.add_extends() = *extend;
  frame.mutable_extends(1)->set_delivery_id(999);
  frame.add_extends()->set_delivery_id(id);
  worker_.Say(frame);
  EXPECT_THAT(source_.extends(), testing::ElementsAre(std::pair(id, Millis(60'000))));
  v1::GatewayFrame answer = *worker_.Read();
  ASSERT_EQ(answer.results_size(), 2);
  EXPECT_EQ(answer.results(0).code(), v1::Result::CODE_STALE);
  EXPECT_EQ(answer.results(0).delivery_id(), 999);
  EXPECT_EQ(answer.results(1).code(), v1::Result::CODE_INVALID);
}

TEST_F(SessionTest, TellsThatALeaseWasClippedAndToWhat) {
  source_.Publish(NewMessage());
  OpenAndReadWelcome();
  v1::WorkerFrame frame;
  frame.add_extends()->set_delivery_id(worker_.Read()->deliveries(0).delivery_id());
  frame.mutable_extends(0)->set_lease_ms(3'600'000);
  worker_.Say(frame);
  const v1::GatewayFrame answer = *worker_.Read();
  ASSERT_EQ(answer.results_size(), 1);
  EXPECT_EQ(answer.results(0).code(), v1::Result::CODE_CLIPPED);
  EXPECT_EQ(answer.results(0).lease_ms(), 600'000);
}

TEST_F(SessionTest, TellsThatADeliveryIsLostWhenItHappens) {
  source_.Publish(NewMessage(), 2);
  OpenAndReadWelcome();
  const v1::GatewayFrame deliveries = *worker_.Read();
  source_.Revoke(1, deliveries.deliveries(0).delivery_id(), RevokeReason::kLeaseEnded);
  worker_.Turn();
  source_.Revoke(1, deliveries.deliveries(1).delivery_id(), RevokeReason::kNotBegun);
  v1::GatewayFrame frame = *worker_.Read();
  ASSERT_EQ(frame.revokes_size(), 1);
  EXPECT_EQ(frame.revokes(0).delivery_id(), deliveries.deliveries(0).delivery_id());
  EXPECT_EQ(frame.revokes(0).reason(), v1::Revoke::REASON_LEASE_ENDED);
  frame = *worker_.Read();
  EXPECT_EQ(frame.revokes(0).reason(), v1::Revoke::REASON_NOT_BEGUN);
}

TEST_F(SessionTest, HearsWhatHasBegunFromAWorkerThatHasTheFeature) {
  source_.Publish(NewMessage(), 2);
  v1::WorkerFrame hello;
  hello.mutable_hello()->add_chains("temperature");
  hello.mutable_hello()->mutable_window()->set_messages(10);
  hello.mutable_hello()->add_features("time-travel");
  hello.mutable_hello()->add_features("began");
  worker_.Say(hello);
  EXPECT_THAT(worker_.Read()->welcome().features(), testing::ElementsAre("began"));
  EXPECT_TRUE(source_.options(1).tells_began);
  const v1::GatewayFrame deliveries = *worker_.Read();
  v1::WorkerFrame frame;
  frame.add_began(deliveries.deliveries(0).delivery_id());
  frame.add_began(deliveries.deliveries(1).delivery_id());
  frame.add_began(999);
  frame.add_settles()->set_delivery_id(deliveries.deliveries(1).delivery_id());
  worker_.Say(frame);
  EXPECT_EQ(source_.began().size(), 2) << "before the settle of the same frame";
  const v1::GatewayFrame answer = *worker_.Read();
  ASSERT_EQ(answer.results_size(), 1);
  EXPECT_EQ(answer.results(0).code(), v1::Result::CODE_STALE);
  EXPECT_EQ(answer.results(0).delivery_id(), 999);
}

TEST_F(SessionTest, WithoutTheFeatureNothingIsSaidOfIt) {
  source_.Publish(NewMessage());
  worker_.SayHello();
  EXPECT_TRUE(worker_.Read()->welcome().features().empty());
  v1::WorkerFrame frame;
  frame.add_began(worker_.Read()->deliveries(0).delivery_id());
  frame.add_began(999);
  worker_.Say(frame);
  EXPECT_FALSE(worker_.Read());
  EXPECT_TRUE(source_.began().empty());
}

TEST_F(SessionTest, AMessageThatFitsNoFrameIsRejectedInsteadOfEndingTheStream) {
  OpenAndReadWelcome();
  source_.Publish(MakeMessage("t", std::string(2u << 20, 'x')));
  source_.Publish(NewMessage());
  EXPECT_LE(woken_, clock_.Now());
  Tick();
  std::vector<WorkerSettle> settles = settles_.TakeSettles();
  ASSERT_EQ(settles.size(), 1);
  EXPECT_EQ(settles[0].verdict, Verdict::kReject);
  EXPECT_THAT(settles[0].reason, HasSubstr("workers.maxFrameBytes"));
  EXPECT_EQ(worker_.Read()->deliveries(0).topic(), "plant/1");
}

// ------------------------------------------------------------------------------------------------ the gate

TEST_F(SessionTest, IsNotReadWhileTheGateIsClosedAndReadOnWhenItOpens) {
  EXPECT_TRUE(worker_.SayHello());
  gate_.Close();
  v1::WorkerFrame frame;
  frame.mutable_ping()->set_nonce(1);
  EXPECT_FALSE(worker_.Say(frame));
  EXPECT_EQ(worker_.reads_asked, 0);
  gate_.Open();
  EXPECT_EQ(worker_.reads_asked, 1);
  EXPECT_TRUE(worker_.Say(frame));
}

TEST_F(SessionTest, ASilentWorkerIsNotGivenUpWhileNobodyReadsWhatItSays) {
  worker_.SayHello();
  gate_.Close();
  EXPECT_FALSE(worker_.Say({}));
  for (int i = 0; i < 100; ++i) {
    clock_.Advance(Millis(10'000));
    worker_.session().Tick(clock_.Now());
    // It is told of the gateway's life all the same.
    while (worker_.Read()) {
    }
  }
  EXPECT_FALSE(worker_.ended().has_value());
  gate_.Open();
  clock_.Advance(Millis(19'000));
  worker_.session().Tick(clock_.Now());
  while (worker_.Read()) {
  }
  EXPECT_FALSE(worker_.ended().has_value());
  clock_.Advance(Millis(1'000));
  worker_.session().Tick(clock_.Now());
  while (worker_.Read()) {
  }
  EXPECT_TRUE(worker_.ended().has_value());
}

TEST_F(SessionTest, AStreamThatEndsWhileTheGateIsClosedIsNotReadOn) {
  worker_.SayHello();
  gate_.Close();
  EXPECT_FALSE(worker_.Say({}));
  worker_.session().Shutdown("going");
  while (worker_.Read()) {
  }
  EXPECT_TRUE(worker_.ended().has_value());
  gate_.Open();
  EXPECT_EQ(worker_.reads_asked, 0);
}

}  // namespace
}  // namespace sluice
