// What the server answers gRPC's stock C++ client: messages, metadata, refusals, and who may call what.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/integration/rpc/rpc_fixture.h"

namespace sluice::rpc {
namespace {

using testing::HasSubstr;

TEST_F(RpcTest, UnaryCallsAreServedOnThePool) {
  Handle("Shout", Synchronous(pool_, Requests::kOne, [](SyncCall& call) {
           std::string text = call.Read().value_or("");
           if (text == "no") return absl::FailedPreconditionError("not today");
           if (text == "throw") throw std::runtime_error("thrown");
           call.Write(Payload(text + "!"));
           return absl::OkStatus();
         }));
  StartServer();
  std::string response;
  EXPECT_TRUE(Unary("/test.Echo/Shout", "hello", &response).ok());
  EXPECT_EQ(response, "hello!");
  grpc::Status status = Unary("/test.Echo/Shout", "no", &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "not today");
  EXPECT_EQ(Unary("/test.Echo/Shout", "throw", &response).error_code(), grpc::StatusCode::INTERNAL);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(Unary("/test.Echo/Shout", absl::StrCat(i), &response).ok());
  EXPECT_EQ(server_->connections(), 1);
}

TEST_F(RpcTest, MoreCallsThanThePoolTakesAreRefused) {
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  Handle("Wait", Synchronous(pool_, Requests::kOne, [gone](SyncCall&) {
           gone.wait();
           return absl::NotFoundError("waited");
         }));
  StartServer();
  std::vector<std::thread> callers;
  std::atomic<int> refused = 0;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 30; ++i) {
    callers.emplace_back([&] {
      const grpc::Status status = Unary("/test.Echo/Wait", "", nullptr);
      ++(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED ? refused : answered);
    });
  }
  EXPECT_TRUE(Eventually([&] { return refused == 10; }));  // 4 run, 16 wait.
  go.set_value();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(answered, 20);
}

TEST_F(RpcTest, AStreamOfMessagesComesFromOneRequest) {
  Handle("Count", Synchronous(pool_, Requests::kOne, [](SyncCall& call) {
           const int count = std::stoi(call.Read().value_or("0"));
           for (int i = 0; i < count; ++i) {
             if (!call.Write(Payload(absl::StrCat(i)))) return absl::CancelledError("gone");
           }
           return absl::OkStatus();
         }));
  StartServer();
  grpc::ClientContext context;
  const auto stream = Open(context, "Count");
  stream->Write(Bytes("1000"));
  stream->WritesDone();
  grpc::ByteBuffer message;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(stream->Read(&message));
    ASSERT_EQ(Text(message), absl::StrCat(i));
  }
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(RpcTest, AMethodForOneRequestRefusesNoneAndSeveral) {
  Handle("One", Synchronous(pool_, Requests::kOne, [](SyncCall&) { return absl::OkStatus(); }));
  StartServer();
  for (const int count : {0, 2}) {
    grpc::ClientContext context;
    const auto stream = Open(context, "One");
    for (int i = 0; i < count; ++i) stream->Write(Bytes("x"));
    stream->WritesDone();
    grpc::ByteBuffer message;
    EXPECT_FALSE(stream->Read(&message));
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNIMPLEMENTED);
  }
}

TEST_F(RpcTest, ManyRequestsAreReadAsTheFunctionAsks) {
  Handle("Sum", Synchronous(pool_, Requests::kMany, [](SyncCall& call) {
           size_t bytes = 0;
           while (const auto message = call.Read()) bytes += message->size();
           call.Write(Payload(absl::StrCat(bytes)));
           return absl::OkStatus();
         }));
  StartServer();
  grpc::ClientContext context;
  const auto stream = Open(context, "Sum");
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(stream->Write(Bytes(std::string(10'000, 'x'))));
  stream->WritesDone();
  grpc::ByteBuffer message;
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(Text(message), "3000000");
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(RpcTest, ACallThatWaitsForItsClientIsEndedFromElsewhere) {
  std::promise<std::function<void(const absl::Status&)>> ender;
  std::promise<bool> cancelled;
  Handle("Sum", Synchronous(pool_, Requests::kMany, [&](SyncCall& call) {
           call.Read();
           ender.set_value(call.Ender());
           EXPECT_EQ(call.Read(), std::nullopt);
           cancelled.set_value(call.cancelled());
           return absl::InternalError("nobody's answer");
         }));
  StartServer();
  grpc::ClientContext context;
  const auto stream = Open(context, "Sum");
  ASSERT_TRUE(stream->Write(Bytes("a")));
  const std::function<void(const absl::Status&)> end = ender.get_future().get();
  end(absl::UnauthenticatedError("revoked"));
  end(absl::InternalError("twice"));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(status.error_message(), "revoked");
  EXPECT_TRUE(cancelled.get_future().get());
  end(absl::InternalError("after the call"));
}

TEST_F(RpcTest, MessagesOfEverySizeGoBothWays) {
  options_.limits.message_bytes = 64u << 20;
  Handle("Stream", EchoHandler);
  StartServer(2);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{4096}, size_t{16'384}, size_t{100'000}, size_t{8u << 20}}) {
    grpc::ClientContext context;
    const auto stream = Open(context);
    const std::string sent(size, 'x');
    grpc::ByteBuffer message;
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(stream->Write(Bytes(sent)));
      ASSERT_TRUE(stream->Read(&message));
      ASSERT_TRUE(Text(message) == sent) << size;
    }
    stream->WritesDone();
    EXPECT_FALSE(stream->Read(&message));
    EXPECT_TRUE(stream->Finish().ok());
  }
}

TEST_F(RpcTest, MetadataGoesBothWays) {
  Handle("Stream", [](Call& call) {
    Metadata metadata = call.info().metadata;
    std::erase_if(metadata, [](const auto& field) { return !field.first.starts_with("x-"); });
    call.SendInitialMetadata(metadata);
    call.Finish(absl::OkStatus(),
                {{"x-peer", call.info().peer->address}, {"x-path-bin", call.info().path + std::string("\0\1", 2)}});
    return std::make_unique<TestHandler>(call, Reactions{});
  });
  StartServer();
  grpc::ClientContext context;
  context.AddMetadata("x-text", "value");
  context.AddMetadata("x-bytes-bin", std::string("\0\xff\n", 3));
  const auto stream = Open(context);
  stream->WaitForInitialMetadata();
  const auto find = [](const auto& metadata, const char* name) {
    const auto found = metadata.find(name);
    return found == metadata.end() ? "none" : std::string(found->second.data(), found->second.size());
  };
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(find(context.GetServerInitialMetadata(), "x-text"), "value");
  EXPECT_EQ(find(context.GetServerInitialMetadata(), "x-bytes-bin"), std::string("\0\xff\n", 3));
  EXPECT_EQ(find(context.GetServerTrailingMetadata(), "x-peer"), "127.0.0.1");
  EXPECT_EQ(find(context.GetServerTrailingMetadata(), "x-path-bin"), "/test.Echo/Stream" + std::string("\0\1", 2));
}

TEST_F(RpcTest, UnknownMethodsAreToldWhatThereIs) {
  Handle("Stream", EchoHandler);
  StartServer();
  const grpc::Status status = Unary("/other.Service/Method", "", nullptr);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(status.error_message(), "no method '/other.Service/Method' here; this listener serves /test.Echo/Stream");
}

TEST_F(RpcTest, WhoMayNotCallIsToldSoAndCostsNoHandler) {
  std::atomic<int> counted = 0;
  options_.admit = [&](const CallInfo& info) -> absl::StatusOr<std::shared_ptr<void>> {
    if (Find(info.metadata, "authorization") != "Bearer good") return absl::UnauthenticatedError("who is it?");
    ++counted;
    return std::shared_ptr<void>(nullptr, [&](void*) { --counted; });
  };
  std::atomic<int> made = 0;
  Handle("Stream", [&](Call& call) {
    ++made;
    return EchoHandler(call);
  });
  StartServer();
  EXPECT_EQ(Unary("/test.Echo/Stream", "", nullptr).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(made, 0);
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer good");
  std::string response;
  EXPECT_TRUE(Unary("/test.Echo/Stream", "hello", &response, &context).ok());
  EXPECT_EQ(made, 1);
  EXPECT_TRUE(Eventually([&] { return counted == 0; }));
}

TEST_F(RpcTest, AMessageOverTheLimitEndsItsCallOnly) {
  options_.limits.message_bytes = 100'000;
  Handle("Stream", EchoHandler);
  StartServer();
  grpc::ClientContext context;
  const auto stream = Open(context);
  grpc::ByteBuffer message;
  stream->Write(Bytes(std::string(100'001, 'x')));
  EXPECT_FALSE(stream->Read(&message));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("100001 bytes; at most 100000"));
  std::string response;
  EXPECT_TRUE(Unary("/test.Echo/Stream", std::string(100'000, 'x'), &response).ok());
  EXPECT_EQ(server_->connections(), 1);
}

TEST_F(RpcTest, GzipIsTakenWhereItIsAllowed) {
  options_.limits.gzip = true;
  Handle("Stream", EchoHandler);
  StartServer();
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  std::string response;
  const std::string text(300'000, 'x');
  EXPECT_TRUE(Unary("/test.Echo/Stream", text, &response, &context).ok());
  EXPECT_TRUE(response == text);
}

}  // namespace
}  // namespace sluice::rpc
