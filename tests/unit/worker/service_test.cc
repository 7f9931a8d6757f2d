// A worker's call becomes a session's stream.
#include "server/worker/service.h"

#include <gtest/gtest.h>

#include "sluice/v1/worker.pb.h"
#include "tests/support/fake_server_call.h"
#include "tests/unit/worker/session_fixture.h"

namespace sluice {
namespace {

constexpr size_t kMaxFrame = 8u << 20;

class WorkerServiceTest : public SessionTest {
 protected:
  void SetUp() override { call_.Begin(service_, "Work"); }

  static std::string HelloFrame() {
    v1::WorkerFrame frame;
    frame.mutable_hello()->set_worker_name("alarm");
    frame.mutable_hello()->add_chains("temperature");
    frame.mutable_hello()->mutable_window()->set_messages(10);
    return frame.SerializeAsString();
  }
  static std::string PingFrame(uint64_t nonce) {
    v1::WorkerFrame frame;
    frame.mutable_ping()->set_nonce(nonce);
    return frame.SerializeAsString();
  }
  v1::GatewayFrame Frame(size_t i) {
    v1::GatewayFrame frame;
    EXPECT_TRUE(frame.ParseFromString(call_.messages.at(i)));
    return frame;
  }
  void AdvanceAll(Millis by) {
    clock_.Advance(by);
    registry_.Tick(clock_.Now());
    call_.Turn();
  }

  SessionRegistry registry_{context_, {.max_streams = 1}, 1};
  rpc::Service service_ = MakeWorkerService(registry_, kMaxFrame);
  rpc::FakeServerCall call_{"/sluice.v1.WorkerService/Work"};
};

TEST_F(WorkerServiceTest, BeforeHelloAFrameMayBeOneMebibyteAndThenWhatIsConfigured) {
  EXPECT_EQ(service_.name, "sluice.v1.WorkerService");
  EXPECT_EQ(call_.message_limit, 1u << 20);
  ASSERT_TRUE(call_.Say(HelloFrame()));
  EXPECT_EQ(call_.message_limit, kMaxFrame);
  ASSERT_EQ(call_.messages.size(), 1u);
  EXPECT_TRUE(Frame(0).has_welcome());
  EXPECT_TRUE(call_.reading());
}

TEST_F(WorkerServiceTest, WhatComesInOneTurnOfTheLoopLeavesInOneFrame) {
  call_.Say(HelloFrame());
  source_.Publish(NewMessage());
  source_.Publish(NewMessage());
  EXPECT_EQ(call_.messages.size(), 1u) << "not on the thread that delivers";
  EXPECT_TRUE(call_.woken());
  call_.Turn();
  ASSERT_EQ(call_.messages.size(), 2u);
  EXPECT_EQ(Frame(1).deliveries_size(), 2);
}

TEST_F(WorkerServiceTest, OneMoreThanTheMaximumIsRefused) {
  rpc::FakeServerCall second;
  second.Begin(service_, "Work");
  EXPECT_EQ(second.finished->code(), absl::StatusCode::kResourceExhausted);
  call_.Cancel(absl::CancelledError("reset"));
  call_.Done();
  EXPECT_EQ(registry_.size(), 0u);
  rpc::FakeServerCall third;
  third.Begin(service_, "Work");
  EXPECT_FALSE(third.finished.has_value());
}

TEST_F(WorkerServiceTest, AHalfCloseEndsWithOk) {
  call_.Say(HelloFrame());
  call_.HalfClose();
  ASSERT_TRUE(call_.finished.has_value());
  EXPECT_TRUE(call_.finished->ok());
}

TEST_F(WorkerServiceTest, AWorkerThatBreaksTheContractHearsHow) {
  call_.Say(PingFrame(1));
  ASSERT_TRUE(call_.finished.has_value());
  EXPECT_EQ(call_.finished->code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(call_.reading());
}

TEST_F(WorkerServiceTest, AStreamThatBreaksGivesItsDeliveriesBack) {
  call_.Say(HelloFrame());
  source_.Publish(NewMessage());
  call_.Turn();
  call_.Cancel(absl::ResourceExhaustedError("a message of 9 MiB"));
  EXPECT_EQ(source_.removed()[1].how, SessionEnd::kLost);
  EXPECT_EQ(source_.waiting(), 1u);
}

TEST_F(WorkerServiceTest, WhileTheGateIsClosedNothingIsReadAndThenOnTheLoop) {
  call_.Say(HelloFrame());
  gate_.Close();
  call_.Say(PingFrame(1));
  EXPECT_FALSE(call_.reading());
  gate_.Open();
  EXPECT_FALSE(call_.reading()) << "the gate opens on another thread";
  call_.Turn();
  EXPECT_TRUE(call_.reading());
}

TEST_F(WorkerServiceTest, NoHelloInTimeEndsTheCall) {
  AdvanceAll(Millis(10'000));
  ASSERT_TRUE(call_.finished.has_value());
  EXPECT_EQ(call_.finished->code(), absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace sluice
