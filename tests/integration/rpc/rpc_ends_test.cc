// How calls and connections end, with gRPC's stock C++ client: on its wish, on the server's, or with time.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>

#include "tests/integration/rpc/rpc_fixture.h"

namespace sluice::rpc {
namespace {

TEST_F(RpcTest, ACancelledCallIsTold) {
  std::promise<absl::Status> told;
  std::atomic<bool> done = false;
  Handle("Stream", [&](Call& call) {
    call.Read();
    return std::make_unique<TestHandler>(
        call, Reactions{.cancel = [&](const absl::Status& why) { told.set_value(why); }, .done = [&] { done = true; }});
  });
  StartServer();
  grpc::ClientContext context;
  const auto stream = Open(context);
  stream->Write(Bytes("x"));
  EXPECT_TRUE(Eventually([&] { return server_->calls() == 1; }));
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(told.get_future().get().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(Eventually([&] { return done && server_->calls() == 0; }));
}

TEST_F(RpcTest, ALostConnectionIsTold) {
  std::promise<absl::Status> told;
  Handle("Stream", [&](Call& call) {
    call.Read();
    return std::make_unique<TestHandler>(call,
                                         Reactions{.cancel = [&](const absl::Status& why) { told.set_value(why); }});
  });
  StartServer();
  {
    grpc::ClientContext context;
    const auto stream = Open(context);
    stream->Write(Bytes("x"));
    EXPECT_TRUE(Eventually([&] { return server_->calls() == 1; }));
    context.TryCancel();
    stream->Finish();
    channel_.reset();
  }
  EXPECT_EQ(told.get_future().get().code(), absl::StatusCode::kCancelled);
  called_.clear();
  EXPECT_TRUE(Eventually([&] { return server_->connections() == 0; }));
}

TEST_F(RpcTest, TheDeadlineEndsACall) {
  std::promise<absl::Status> told;
  std::atomic<bool> has_deadline = false;
  Handle("Stream", [&](Call& call) {
    has_deadline = call.info().deadline != kNever;
    return std::make_unique<TestHandler>(call,
                                         Reactions{.cancel = [&](const absl::Status& why) { told.set_value(why); }});
  });
  StartServer();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  EXPECT_EQ(Unary("/test.Echo/Stream", "", nullptr, &context).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  const absl::StatusCode code = told.get_future().get().code();
  EXPECT_TRUE(code == absl::StatusCode::kDeadlineExceeded || code == absl::StatusCode::kCancelled);
  EXPECT_TRUE(has_deadline);
}

TEST_F(RpcTest, AStopLetsCallsEndAndThenEndsThem) {
  Handle("Stream", EchoHandler);
  StartServer();
  grpc::ClientContext context;
  const auto stream = Open(context);
  grpc::ByteBuffer message;
  ASSERT_TRUE(stream->Write(Bytes("one")));
  ASSERT_TRUE(stream->Read(&message));
  std::thread stopper([&] { EXPECT_TRUE(server_->Stop(Clock::Real().Now() + Millis(20'000), "off it goes")); });
  // gRPC's client looks at its sockets only while it is called. It leaves READY when the GOAWAY is there.
  int echoes = 0;
  for (; channel_->GetState(false) == GRPC_CHANNEL_READY || echoes < 3; ++echoes) {
    ASSERT_TRUE(stream->Write(Bytes("two")));
    ASSERT_TRUE(stream->Read(&message));
  }
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_TRUE(stream->Finish().ok());
  stopper.join();
  EXPECT_EQ(server_->connections(), 0);
}

TEST_F(RpcTest, TheGracesEndIsUnavailable) {
  Handle("Stream", EchoHandler);
  StartServer();
  grpc::ClientContext context;
  const auto stream = Open(context);
  grpc::ByteBuffer message;
  ASSERT_TRUE(stream->Write(Bytes("one")));
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_TRUE(server_->Stop(Clock::Real().Now() + Millis(50), "off it goes"));
  EXPECT_FALSE(stream->Read(&message));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "off it goes");
}

TEST_F(RpcTest, AnOldConnectionIsReplaced) {
  options_.max_connection_age = Millis(100);
  options_.age_grace = Millis(100);
  Handle("Stream", EchoHandler);
  StartServer();
  grpc::ClientContext context;
  const auto stream = Open(context);
  grpc::ByteBuffer message;
  EXPECT_FALSE(stream->Read(&message));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "the connection is old enough");
  std::string response;
  EXPECT_TRUE(Unary("/test.Echo/Stream", "again", &response).ok());
}

TEST_F(RpcTest, AnIdleConnectionEnds) {
  options_.limits.idle_timeout = Millis(50);
  Handle("Stream", EchoHandler);
  StartServer();
  std::string response;
  EXPECT_TRUE(Unary("/test.Echo/Stream", "once", &response).ok());
  EXPECT_TRUE(Eventually([&] { return server_->connections() == 0; }));
  EXPECT_TRUE(Unary("/test.Echo/Stream", "again", &response).ok());
}

TEST_F(RpcTest, KeepaliveGoesBothWays) {
  options_.limits.keepalive_time = Millis(20);
  Handle("Stream", EchoHandler);
  StartServer();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  channel_ = NewChannel(arguments);
  grpc::ClientContext context;
  const auto stream = Open(context);
  const Counter& sent = metrics_.GetCounter("sluice_rpc_frames_sent_total", "", {{"listener", "test"}});
  grpc::ByteBuffer message;
  ASSERT_TRUE(stream->Write(Bytes("here")));
  ASSERT_TRUE(stream->Read(&message));
  std::thread reader([&] { EXPECT_FALSE(stream->Read(&message)); });  // gRPC answers only while it is called.
  const uint64_t before = sent.value();
  EXPECT_TRUE(Eventually([&] { return sent.value() > before + 5; }));
  stream->WritesDone();
  reader.join();
  EXPECT_TRUE(stream->Finish().ok());
}

}  // namespace
}  // namespace sluice::rpc
