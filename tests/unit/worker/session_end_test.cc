// How streams end: refused, half-closed, lost, silent, drained, shut down; and what becomes of deliveries then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "server/worker/session.h"
#include "tests/unit/worker/session_fixture.h"

namespace sluice {
namespace {

using testing::HasSubstr;
using SessionEnd = SessionTest;

TEST_F(SessionEnd, EndsWhenNoHelloComesInTime) {
  Advance(Millis(9'999));
  EXPECT_FALSE(worker_.ended());
  Advance(Millis(1));
  EXPECT_EQ(EndCode(), absl::StatusCode::kDeadlineExceeded);
  worker_.Done();
  EXPECT_EQ(metrics_.GetCounter("sluice_worker_streams_refused_total", "").value(), 1);
  EXPECT_EQ(metrics_.GetCounter("sluice_worker_streams_opened_total", "").value(), 0);
}

TEST_F(SessionEnd, TheFirstFrameMustBeHelloAndNoOther) {
  v1::WorkerFrame ping;
  ping.mutable_ping();
  EXPECT_FALSE(worker_.Say(ping));
  EXPECT_EQ(EndCode(), absl::StatusCode::kInvalidArgument);

  FakeStream second(context_, kNever);
  EXPECT_TRUE(second.SayHello());
  second.Read();
  EXPECT_FALSE(second.SayHello());
  EXPECT_EQ(second.ended()->code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(second.ended()->message()), HasSubstr("hello came a second time"));
}

TEST_F(SessionEnd, GarbageEndsTheStream) {
  OpenAndReadWelcome();
  EXPECT_FALSE(worker_.SayBytes("\xFF\xFF\xFF"));
  EXPECT_EQ(EndCode(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(source_.removed().size(), 1);
}

TEST_F(SessionEnd, RefusesAWorkerWhoseChainsAreAllUnknown) {
  EXPECT_FALSE(worker_.SayHello(10, "humidity"));
  EXPECT_EQ(EndCode(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(source_.removed().empty());
}

TEST_F(SessionEnd, AHalfCloseAfterEverythingIsSettledEndsWithOk) {
  source_.Publish(NewMessage());
  OpenAndReadWelcome();
  worker_.Settle(worker_.Read()->deliveries(0).delivery_id());
  worker_.HalfClose();
  EXPECT_EQ(EndCode(), absl::StatusCode::kOk);
  worker_.Done();
  EXPECT_EQ(source_.removed()[1].in_flight, 0);
  EXPECT_EQ(metrics_.GetCounter("sluice_worker_streams_ended_total", "", {{"reason", "done"}}).value(), 1);
}

TEST_F(SessionEnd, AHalfCloseGivesBackWhatIsInFlight) {
  source_.Publish(NewMessage(), 2);
  OpenAndReadWelcome();
  worker_.Read();
  worker_.HalfClose();
  EXPECT_EQ(EndCode(), absl::StatusCode::kOk);
  EXPECT_TRUE(source_.draining(1)) << "nothing new comes";
  EXPECT_TRUE(source_.removed().empty()) << "it may yet turn out to be a broken connection";
  worker_.Done();
  EXPECT_EQ(source_.removed()[1].in_flight, 2);
  EXPECT_EQ(source_.removed()[1].how, sluice::SessionEnd::kLeft);
}

TEST_F(SessionEnd, WhatFirstLooksLikeAHalfCloseMayBeALostWorker) {
  source_.Publish(NewMessage(), 2);
  OpenAndReadWelcome();
  worker_.Read();
  worker_.HalfClose();
  worker_.session().OnCancel(absl::CancelledError("reset"));
  EXPECT_EQ(source_.removed()[1].how, sluice::SessionEnd::kLost);
}

TEST_F(SessionEnd, ResultsThatAreOwedComeBeforeTheEndAfterAHalfClose) {
  source_.Publish(NewMessage());
  OpenAndReadWelcome();
  v1::WorkerFrame frame;
  v1::Settle* settle = frame.add_settles();
  settle->set_delivery_id(worker_.Read()->deliveries(0).delivery_id());
  settle->add_replies()->set_reply_id(7);
  settle->add_replies()->set_reply_id(8);
  settle->add_replies();  // Wants none.
  settles_.WithholdAnswers();
  worker_.Say(frame);
  worker_.HalfClose();
  EXPECT_FALSE(worker_.ended());
  worker_.session().SendResults({{.reply_id = 7, .message = ""}});
  EXPECT_EQ(worker_.Read()->results(0).reply_id(), 7);
  EXPECT_FALSE(worker_.ended());
  Advance(Millis(10'000));
  EXPECT_TRUE(worker_.Read()->has_ping()) << "silence would look like the gateway's end";
  worker_.session().SendResults({{.reply_id = 8, .message = ""}});
  EXPECT_FALSE(worker_.ended());
  EXPECT_EQ(worker_.Read()->results(0).reply_id(), 8);
  EXPECT_EQ(EndCode(), absl::StatusCode::kOk);
}

TEST_F(SessionEnd, ResultsThatNeverComeHoldUpTheEndNoLongerThanTheirTimeout) {
  source_.Publish(NewMessage());
  OpenAndReadWelcome();
  v1::WorkerFrame frame;
  v1::Settle* settle = frame.add_settles();
  settle->set_delivery_id(worker_.Read()->deliveries(0).delivery_id());
  settle->add_replies()->set_reply_id(7);
  settles_.WithholdAnswers();
  worker_.Say(frame);
  worker_.HalfClose();
  for (int i = 0; i < 2; ++i) {
    Advance(Millis(10'000));
    EXPECT_TRUE(worker_.Read()->has_ping());
  }
  Advance(Millis(9'999));
  EXPECT_FALSE(worker_.ended());
  Advance(Millis(1));
  EXPECT_EQ(EndCode(), absl::StatusCode::kOk);
}

TEST_F(SessionEnd, AShutdownDoesNotWaitForResultsThatAreOwed) {
  source_.Publish(NewMessage());
  OpenAndReadWelcome();
  v1::WorkerFrame frame;
  frame.add_settles()->set_delivery_id(worker_.Read()->deliveries(0).delivery_id());
  frame.mutable_settles(0)->add_replies()->set_reply_id(7);
  settles_.WithholdAnswers();
  worker_.Say(frame);
  worker_.HalfClose();
  EXPECT_FALSE(worker_.ended());
  worker_.session().Shutdown("bye");
  EXPECT_EQ(EndCode(), absl::StatusCode::kOk);
}

TEST_F(SessionEnd, ResultsThatWaitAreWrittenBeforeTheEndAfterAHalfClose) {
  OpenAndReadWelcome();
  worker_.session().SendResults({{.reply_id = 1, .message = ""}});
  worker_.Turn();
  worker_.session().SendResults({{.reply_id = 2, .message = ""}});
  worker_.HalfClose();
  EXPECT_FALSE(worker_.ended());
  EXPECT_EQ(worker_.Read()->results(0).reply_id(), 1);
  EXPECT_EQ(worker_.Read()->results(0).reply_id(), 2);
  EXPECT_EQ(EndCode(), absl::StatusCode::kOk);
}

TEST_F(SessionEnd, AVanishedWorkersDeliveriesGoBackAtOnceAndOnlyThoseItMayHaveSeenCount) {
  OpenAndReadWelcome();
  source_.Publish(NewMessage());
  worker_.Turn();  // Its write is started.
  source_.Publish(NewMessage(), 2);
  worker_.session().OnCancel(absl::CancelledError("reset"));
  FakeDeliverySource::Removed removed = source_.removed()[1];
  EXPECT_EQ(removed.in_flight, 3);
  EXPECT_EQ(removed.written, 1) << "the other two waited for the write";
  EXPECT_EQ(removed.how, sluice::SessionEnd::kLost);
  EXPECT_FALSE(worker_.ended()) << "the write is still under way";
  worker_.Done();
  EXPECT_EQ(metrics_.GetCounter("sluice_worker_streams_ended_total", "", {{"reason", "lost"}}).value(), 1);
  EXPECT_EQ(metrics_.GetGauge("sluice_worker_streams", "").value(), 0);
}

TEST_F(SessionEnd, WhatWasWrittenStaysSoWhenBatchesComeInAnotherOrder) {
  OpenAndReadWelcome();
  const auto batch = [this](uint64_t id) {
    std::vector<Delivery> deliveries(1);
    deliveries[0].id = id;
    deliveries[0].message = NewMessage();
    deliveries[0].route = &source_.route();
    deliveries[0].chain = &source_.chain();
    deliveries[0].lease = Millis(30'000);
    return deliveries;
  };
  worker_.session().Deliver(batch(8));
  worker_.Turn();
  worker_.session().Deliver(batch(7));
  EXPECT_EQ(worker_.Read()->deliveries(0).delivery_id(), 8);
  EXPECT_EQ(worker_.Read()->deliveries(0).delivery_id(), 7);
  worker_.session().OnCancel(absl::CancelledError("reset"));
  EXPECT_EQ(source_.removed()[1].written, 8);
}

TEST_F(SessionEnd, ForgetsWhatComesAfterTheEnd) {
  OpenAndReadWelcome();
  std::shared_ptr<Session> kept = worker_.shared();
  worker_.Vanish();
  worker_.Done();
  kept->SendResults({{.reply_id = 1, .message = ""}});
  kept->Deliver(std::vector<Delivery>(1));
  EXPECT_EQ(worker_.writes(), 1);
}

TEST_F(SessionEnd, PingsWhenNothingWasSentAndEndsWhenNothingIsReceived) {
  OpenAndReadWelcome();
  Advance(Millis(9'999));
  EXPECT_FALSE(worker_.Read());
  Advance(Millis(1));
  EXPECT_TRUE(worker_.Read()->has_ping());
  v1::WorkerFrame pong;
  pong.mutable_pong()->set_nonce(1);
  worker_.Say(pong);
  Advance(Millis(10'000));
  EXPECT_TRUE(worker_.Read()->has_ping());
  Advance(Millis(9'999));
  EXPECT_FALSE(worker_.ended());
  Advance(Millis(1));
  EXPECT_EQ(EndCode(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(source_.removed().size(), 1);
}

TEST_F(SessionEnd, AWorkerThatSendsAndNeverReadsIsEndedWhenItsResultsPileUp) {
  OpenAndReadWelcome();
  v1::WorkerFrame frame;
  frame.add_settles()->set_delivery_id(999);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(worker_.Say(frame)) << i;
  EXPECT_FALSE(worker_.Say(frame));
  EXPECT_FALSE(worker_.ended()) << "the write that nobody reads is still under way";
  Advance(Millis(1'000));
  ASSERT_TRUE(worker_.aborted());
  EXPECT_EQ(worker_.aborted()->code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(SessionEnd, AWorkersDrainStopsDeliveriesAndTakesSettles) {
  source_.Publish(NewMessage());
  OpenAndReadWelcome();
  uint64_t id = worker_.Read()->deliveries(0).delivery_id();
  v1::WorkerFrame drain;
  drain.mutable_drain()->set_reason("SIGTERM");
  EXPECT_TRUE(worker_.Say(drain));
  EXPECT_TRUE(source_.draining(1));
  source_.Publish(NewMessage());
  EXPECT_FALSE(worker_.Read());
  worker_.Settle(id);
  EXPECT_EQ(settles_.TakeSettles().size(), 1);
  worker_.HalfClose();
  EXPECT_EQ(EndCode(), absl::StatusCode::kOk);
  worker_.Done();
  EXPECT_EQ(source_.removed()[1].how, sluice::SessionEnd::kDrained);
}

TEST_F(SessionEnd, TheGatewaysDrainEndsAtItsDeadlineWithoutCountingAttempts) {
  source_.Publish(NewMessage());
  OpenAndReadWelcome();
  worker_.Read();
  worker_.session().Drain(clock_.Now() + Millis(5'000), "the gateway is shutting down");
  EXPECT_TRUE(source_.draining(1));
  v1::GatewayFrame notice = *worker_.Read();
  EXPECT_EQ(notice.drain().deadline_ms(), 5'000);
  EXPECT_EQ(notice.drain().reason(), "the gateway is shutting down");
  Advance(Millis(4'999));
  EXPECT_FALSE(worker_.ended());
  Advance(Millis(1));
  EXPECT_EQ(EndCode(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(source_.removed()[1].how, sluice::SessionEnd::kDrained);
}

TEST_F(SessionEnd, ADrainBeforeHelloEndsTheStream) {
  worker_.session().Drain(clock_.Now() + Millis(5'000), "the gateway is shutting down");
  EXPECT_EQ(EndCode(), absl::StatusCode::kUnavailable);
}

TEST_F(SessionEnd, DrainsAtItsAgeWithTimeForTheLongestLease) {
  FakeStream worker(context_, clock_.Now() + Millis(8'000));
  worker.SayHello();
  worker.Read();
  clock_.Advance(Millis(8'000));
  worker.session().Tick(clock_.Now());
  std::optional<v1::GatewayFrame> frame = worker.Read();
  ASSERT_TRUE(frame && frame->has_drain());
  EXPECT_EQ(frame->drain().deadline_ms(), ChainOptions{}.max_lease.count());
}

TEST_F(SessionEnd, ShutdownEndsWithUnavailableAndDoesNotCount) {
  source_.Publish(NewMessage());
  OpenAndReadWelcome();
  worker_.Read();
  worker_.session().Shutdown("bye");
  EXPECT_EQ(EndCode(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(source_.removed()[1].how, sluice::SessionEnd::kDrained);
}

TEST_F(SessionEnd, AShutdownThatOvertakesADrainLeavesItsNoticeBeforeTheEnd) {
  source_.Publish(NewMessage(), 2);
  OpenAndReadWelcome(1);
  worker_.Turn();
  worker_.session().Drain(clock_.Now() + Millis(2'000), "bye");
  worker_.session().Shutdown("bye");
  EXPECT_EQ(worker_.Read()->deliveries_size(), 1) << "the write that was under way";
  std::optional<v1::GatewayFrame> notice = worker_.Read();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->drain().deadline_ms(), 2'000);
  EXPECT_EQ(EndCode(), absl::StatusCode::kUnavailable);
}

TEST_F(SessionEnd, AStreamThatDoesNotFinishIsAborted) {
  OpenAndReadWelcome();
  worker_.HalfClose();
  ASSERT_TRUE(worker_.ended());
  Advance(Millis(4'999));
  EXPECT_FALSE(worker_.aborted());
  Advance(Millis(1));
  EXPECT_TRUE(worker_.aborted());
}

}  // namespace
}  // namespace sluice
