// Workers that misbehave: each hurts only itself.
#include <gmock/gmock.h>
#include <grpcpp/impl/codegen/client_callback.h>

#include <random>
#include <thread>

#include "tests/integration/worker_stream/fixture.h"
#include "tests/support/eventually.h"

namespace sluice {
namespace {

using testing::HasSubstr;

// Reads and writes bytes instead of frames.
class RawWorker {
 public:
  explicit RawWorker(const std::shared_ptr<grpc::Channel>& channel)
      : method_("/sluice.v1.WorkerService/Work", grpc::internal::RpcMethod::BIDI_STREAMING),
        stream_(grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
            channel.get(), method_, &context_)),
        channel_(channel) {}

  bool Say(const std::string& bytes) {
    grpc::Slice slice(bytes);
    return stream_->Write(grpc::ByteBuffer(&slice, 1));
  }
  grpc::Status Finish() {
    grpc::ByteBuffer frame;
    while (stream_->Read(&frame)) {
    }
    return stream_->Finish();
  }

 private:
  grpc::ClientContext context_;
  grpc::internal::RpcMethod method_;
  std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> stream_;
  std::shared_ptr<grpc::Channel> channel_;
};

class WorkerStreamAbuseTest : public WorkerStreamTest {
 protected:
  // Another worker is served as if nothing were.
  void ExpectOthersAreServed() {
    TestWorker worker(NewChannel());
    ASSERT_TRUE(worker.SayHello());
    std::optional<v1::GatewayFrame> welcome = worker.Read();
    ASSERT_TRUE(welcome && welcome->has_welcome());
    source_.Publish(NewMessage("for the other"));
    while (true) {
      std::optional<v1::Delivery> delivery = worker.ReadDelivery();
      ASSERT_TRUE(delivery);
      ASSERT_TRUE(worker.Settle(delivery->delivery_id()));
      if (delivery->payload() == "for the other") break;
    }
    worker.HalfClose();
    EXPECT_TRUE(worker.Finish().ok());
  }
};

TEST_F(WorkerStreamAbuseTest, GarbageBytesEndTheStream) {
  Start();
  std::mt19937 random(3);
  for (int i = 0; i < 20; ++i) {
    RawWorker worker(NewChannel());
    std::string bytes(1 + random() % 2'000, '\xFF');
    for (size_t at = 1; at < bytes.size(); ++at) bytes[at] = static_cast<char>(random());
    worker.Say(bytes);
    grpc::Status status = worker.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
  }
  ExpectOthersAreServed();
}

TEST_F(WorkerStreamAbuseTest, NoHelloInTimeEndsTheStream) {
  Start();
  TestWorker worker(NewChannel());
  // The stream is only surely there when the server has seen something of it.
  TestWorker other(NewChannel());
  other.SayHello();
  other.Read();
  while (server_->streams() < 2) std::this_thread::yield();
  Advance(Millis(10'000));
  grpc::Status status = worker.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_THAT(status.error_message(), HasSubstr("no hello"));
}

TEST_F(WorkerStreamAbuseTest, AnotherFirstFrameEndsTheStream) {
  Start();
  TestWorker worker(NewChannel());
  worker.Settle(1);
  EXPECT_EQ(worker.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(WorkerStreamAbuseTest, HelloTwiceEndsTheStreamAndGivesItsDeliveriesToOthers) {
  Start();
  source_.Publish(NewMessage());
  TestWorker worker(NewChannel());
  worker.SayHello();
  ASSERT_TRUE(worker.ReadDelivery());
  worker.SayHello();
  EXPECT_EQ(worker.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  ExpectOthersAreServed();
}

TEST_F(WorkerStreamAbuseTest, SettlingTwiceIsStaleAndTheStreamLives) {
  Start();
  source_.Publish(NewMessage());
  TestWorker worker(NewChannel());
  worker.SayHello();
  uint64_t id = worker.ReadDelivery()->delivery_id();
  worker.Settle(id);
  worker.Settle(id);
  std::optional<v1::Result> result = worker.ReadResult();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->code(), v1::Result::CODE_STALE);
  EXPECT_EQ(result->delivery_id(), id);
  source_.Publish(NewMessage());
  EXPECT_TRUE(worker.ReadDelivery());
}

TEST_F(WorkerStreamAbuseTest, SettlingAnothersDeliveryIsStaleAndTheOtherKeepsIt) {
  Start();
  source_.Publish(NewMessage());
  TestWorker owner(NewChannel());
  owner.SayHello();
  uint64_t id = owner.ReadDelivery()->delivery_id();
  TestWorker thief(NewChannel());
  thief.SayHello();
  thief.Settle(id);
  EXPECT_EQ(thief.ReadResult()->code(), v1::Result::CODE_STALE);
  EXPECT_EQ(source_.in_flight(1), 1);
  owner.Settle(id);
  EXPECT_TRUE(source_.AwaitSettled(1));
}

TEST_F(WorkerStreamAbuseTest, AVanishedWorkersDeliveriesGoToAnotherAtOnce) {
  Start();
  source_.Publish(NewMessage(), 100);
  auto worker = std::make_unique<TestWorker>(NewChannel());
  worker->SayHello(100);
  ASSERT_TRUE(worker->ReadDelivery());
  TestWorker other(NewChannel());
  other.SayHello(100);
  worker->Vanish();
  for (int i = 0; i < 100; ++i) {
    std::optional<v1::Delivery> delivery = other.ReadDelivery();
    ASSERT_TRUE(delivery);
    other.Settle(delivery->delivery_id());
  }
  EXPECT_EQ(source_.removed()[1].how, SessionEnd::kLost) << "and has not merely half-closed";
}

TEST_F(WorkerStreamAbuseTest, AWorkerThatNeverReadsIsHeldToItsWindowAndThenEnded) {
  Start();
  TestWorker deaf(NewChannel());
  deaf.SayHello(50);
  ASSERT_TRUE(source_.AwaitSessions(1));
  // More than HTTP/2 takes in advance, so that a write stays under way.
  source_.Publish(NewMessage(std::string(100'000, 'x')), 200);
  EXPECT_EQ(source_.in_flight(1), 50);
  ExpectOthersAreServed();
  EXPECT_EQ(source_.in_flight(1), 50);

  // It goes on sending what must be answered.
  v1::WorkerFrame stale;
  for (uint64_t i = 0; i < 2'000; ++i) stale.add_settles()->set_delivery_id(1'000'000 + i);
  std::atomic<bool> over = false;
  // Beside it: once nothing more is read of it, it waits within Say.
  std::thread time([this, &over] {
    while (!over) {
      Advance(Millis(50));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  for (int i = 0; i < 200 && deaf.Say(stale); ++i) {
  }
  EXPECT_TRUE(source_.AwaitRemoved(2));
  grpc::Status status = deaf.Finish();
  over = true;
  time.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  // Counted when the stream is done with, which its worker may hear of first.
  Counter& ended = metrics_.GetCounter("sluice_worker_streams_ended_total", "", {{"reason", "results_unread"}});
  EXPECT_TRUE(Eventually([&] { return ended.value() == 1; })) << ended.value();
  ExpectOthersAreServed();
}

TEST_F(WorkerStreamAbuseTest, AHugeWindowIsHeldToTheMaximum) {
  config_.max_window_messages = 30;
  Start();
  source_.Publish(NewMessage(), 100);
  TestWorker worker(NewChannel());
  worker.SayHello(UINT32_MAX);
  EXPECT_EQ(worker.Read()->welcome().max_window().messages(), 30);
  ASSERT_TRUE(worker.ReadDelivery());
  EXPECT_EQ(source_.in_flight(1), 30);
}

TEST_F(WorkerStreamAbuseTest, AFrameOverTheLimitEndsOnlyItsStream) {
  Start();
  source_.Publish(NewMessage());
  TestWorker worker(NewChannel());
  worker.SayHello();
  v1::WorkerFrame frame;
  frame.add_settles()->set_delivery_id(worker.ReadDelivery()->delivery_id());
  frame.mutable_settles(0)->add_replies()->set_payload(std::string(9u << 20, 'x'));
  worker.Say(frame);
  grpc::Status status = worker.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  ASSERT_TRUE(source_.AwaitRemoved(1));
  ExpectOthersAreServed();
}

TEST_F(WorkerStreamAbuseTest, ASilentWorkerIsEndedAfterTwoHeartbeats) {
  Start();
  source_.Publish(NewMessage());
  TestWorker worker(NewChannel());
  worker.SayHello();
  ASSERT_TRUE(worker.ReadDelivery());
  Advance(Millis(10'000));
  EXPECT_EQ(server_->streams(), 1);
  Advance(Millis(10'000));
  EXPECT_EQ(worker.Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(source_.removed()[1].in_flight, 1);
}

TEST_F(WorkerStreamAbuseTest, OneStreamMoreThanTheMaximumIsRefused) {
  config_.max_streams = 2;
  Start();
  TestWorker first(NewChannel());
  TestWorker second(NewChannel());
  first.SayHello();
  second.SayHello();
  ASSERT_TRUE(first.Read());
  ASSERT_TRUE(second.Read());
  TestWorker third(NewChannel());
  grpc::Status status = third.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("workers.maxStreams"));
}

TEST_F(WorkerStreamAbuseTest, ShutdownCompletesThoughAWorkerReadsNothing) {
  Start();
  TestWorker deaf(NewChannel());
  deaf.SayHello(50);
  ASSERT_TRUE(source_.AwaitSessions(1));
  source_.Publish(NewMessage(std::string(1u << 20, 'x')), 50);
  server_->Stop(Clock::Real().Now() + Millis(300));
  EXPECT_EQ(server_->streams(), 0);
}

// Whatever the moment at which streams come, break, settle and go: nothing is lost, nothing hangs.
TEST_F(WorkerStreamAbuseTest, NothingIsLostWhileWorkersComeAndVanishAtRandom) {
  Start();
  constexpr size_t kMessages = 4'000;
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([this, seed, &stop] {
      std::mt19937 random(seed);
      while (!stop) {
        TestWorker worker(NewChannel());
        worker.SayHello(static_cast<uint32_t>(1 + random() % 64));
        for (auto left = random() % 30; left > 0 && !stop; --left) {
          std::optional<v1::GatewayFrame> frame = worker.Read();
          if (!frame) break;
          v1::WorkerFrame answer;
          answer.mutable_ping();
          for (const v1::Delivery& delivery : frame->deliveries()) {
            if (random() % 8 != 0) answer.add_settles()->set_delivery_id(delivery.delivery_id());
          }
          if (random() % 10 == 0) answer.mutable_window()->set_messages(static_cast<uint32_t>(random() % 64));
          worker.Say(answer);
        }
        if (random() % 2 == 0) {
          worker.HalfClose();
          worker.Finish();
        } else {
          worker.Vanish();
        }
      }
    });
  }
  threads.emplace_back([this, &stop] {
    while (!stop) Advance(Millis(1));
  });
  for (size_t i = 0; i < kMessages / 10; ++i) {
    source_.Publish(NewMessage(), 10);
    std::this_thread::yield();
  }
  EXPECT_TRUE(source_.AwaitSettled(kMessages / 2));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  server_->Stop(Clock::Real().Now() + std::chrono::seconds(20));
  EXPECT_EQ(settles_.TakeSettles().size() + source_.waiting(), kMessages);
}

}  // namespace
}  // namespace sluice
