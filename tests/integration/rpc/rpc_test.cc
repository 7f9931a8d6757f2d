// The server against gRPC's stock C++ client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST_F(RpcTest, AHandlerThatDoesNotReadStopsTheClientAtABound) {
  std::promise<Call*> made;
  std::atomic<size_t> taken = 0;
  Handle("Stream", [&](Call& call) {
    made.set_value(&call);
    return std::make_unique<TestHandler>(call, Reactions{.message =
                                                             [&](Call& it, std::string message) {
                                                               taken += message.size();
                                                               it.Read();
                                                             },
                                                         .half_close = [](Call& it) { it.Finish(absl::OkStatus()); },
                                                         .wake = [](Call& it) { it.Read(); }});
  });
  StartServer();
  grpc::ClientContext context;
  const auto stream = Open(context);
  std::atomic<size_t> sent = 0;
  std::thread sender([&] {
    for (int i = 0; i < 400; ++i) {
      if (!stream->Write(Bytes(std::string(50'000, 'x')))) return;
      sent += 50'000;
    }
    stream->WritesDone();
  });
  Call* call = made.get_future().get();
  size_t before = 0;
  EXPECT_TRUE(Eventually([&] {
    const size_t now = sent;
    return std::exchange(before, now) == now && now > 0;
  }));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  // The call's window, what gRPC keeps of its own, and a message on each side.
  EXPECT_LE(sent, options_.limits.stream_window + 400'000u);
  EXPECT_EQ(taken, 0);
  call->Wake();
  sender.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(taken, 20'000'000u);
}

TEST_F(RpcTest, WakesFromOtherThreadsAreGathered) {
  std::atomic<int> wishes = 0;
  std::atomic<int> wakes = 0;
  std::promise<std::shared_ptr<Waker>> made;
  Handle("Stream", [&](Call& call) {
    made.set_value(call.waker());
    auto writing = std::make_shared<bool>(false);
    const auto pump = [&, writing](Call& it) {
      if (*writing) return;
      const int count = wishes.exchange(0);
      if (count == 0) return;
      *writing = true;
      it.Write(Payload(std::string(static_cast<size_t>(count), 'x')));
    };
    return std::make_unique<TestHandler>(call, Reactions{.half_close = [](Call& it) { it.Finish(absl::OkStatus()); },
                                                         .written =
                                                             [writing, pump](Call& it) {
                                                               *writing = false;
                                                               pump(it);
                                                             },
                                                         .wake =
                                                             [&, pump](Call& it) {
                                                               ++wakes;
                                                               pump(it);
                                                             }});
  });
  StartServer();
  grpc::ClientContext context;
  const auto stream = Open(context);
  const std::shared_ptr<Waker> waker = made.get_future().get();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5'000; ++i) {
        ++wishes;
        waker->Wake();
      }
    });
  }
  size_t got = 0;
  grpc::ByteBuffer message;
  while (got < 20'000 && stream->Read(&message)) got += message.Length();
  EXPECT_EQ(got, 20'000u);
  for (std::thread& thread : threads) thread.join();
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_LE(wakes, 20'000);
  StopServer();
  waker->Wake();  // Nobody is there.
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

TEST_F(RpcTest, ManyStreamsOverManyConnectionsAndLoops) {
  options_.limits.streams = 1'000;
  Handle("Stream", EchoHandler);
  StartServer(3);
  std::vector<std::thread> clients;
  std::atomic<int> good = 0;
  for (int c = 0; c < 6; ++c) {
    clients.emplace_back([&, c] {
      const auto channel = NewChannel();
      const grpc::internal::RpcMethod method("/test.Echo/Stream", grpc::internal::RpcMethod::BIDI_STREAMING, channel);
      std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
      std::vector<std::unique_ptr<Stream>> streams;
      for (int s = 0; s < 20; ++s) {
        contexts.push_back(std::make_unique<grpc::ClientContext>());
        streams.emplace_back(grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
            channel.get(), method, contexts.back().get()));
      }
      grpc::ByteBuffer message;
      for (int i = 0; i < 20; ++i) {
        for (auto& stream : streams) stream->Write(Bytes(absl::StrCat(c, "-", i)));
        for (auto& stream : streams) {
          if (stream->Read(&message) && Text(message) == absl::StrCat(c, "-", i)) ++good;
        }
      }
      for (auto& stream : streams) {
        stream->WritesDone();
        EXPECT_TRUE(stream->Finish().ok());
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, 6 * 20 * 20);
  EXPECT_EQ(server_->calls(), 0);
}

}  // namespace
}  // namespace sluice::rpc
