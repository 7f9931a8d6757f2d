// A client that sends much, threads that wake a call, and many streams, with gRPC's stock C++ client.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/integration/rpc/rpc_fixture.h"

namespace sluice::rpc {
namespace {

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
