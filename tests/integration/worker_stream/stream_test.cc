// Well-behaved workers on a real gRPC stream.
#include <gmock/gmock.h>

#include <thread>

#include "tests/integration/worker_stream/fixture.h"

namespace sluice {
namespace {

TEST_F(WorkerStreamTest, WelcomesDeliversAndTakesSettlesAndReplies) {
  Start();
  source_.Publish(NewMessage());
  TestWorker worker(NewChannel());
  ASSERT_TRUE(worker.SayHello());
  std::optional<v1::GatewayFrame> welcome = worker.Read();
  ASSERT_TRUE(welcome && welcome->has_welcome());
  EXPECT_EQ(welcome->welcome().gateway(), "gw-0");
  std::optional<v1::Delivery> delivery = worker.ReadDelivery();
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->topic(), "plant/1");
  EXPECT_EQ(delivery->payload(), "21.5");

  v1::WorkerFrame frame;
  v1::Settle* settle = frame.add_settles();
  settle->set_delivery_id(delivery->delivery_id());
  settle->add_replies()->set_reply_id(5);
  settle->mutable_replies(0)->set_payload("too hot");
  ASSERT_TRUE(worker.Say(frame));
  std::optional<v1::Result> result = worker.ReadResult();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->reply_id(), 5);
  EXPECT_EQ(result->code(), v1::Result::CODE_OK);
  std::vector<WorkerSettle> settles = settles_.TakeSettles();
  ASSERT_EQ(settles.size(), 1);
  EXPECT_EQ(settles[0].replies[0].payload, "too hot");

  worker.HalfClose();
  EXPECT_TRUE(worker.Finish().ok());
  EXPECT_TRUE(source_.AwaitRemoved(1));
}

TEST_F(WorkerStreamTest, PayloadsOfEverySizeArriveUnchanged) {
  Start();
  TestWorker worker(NewChannel());
  worker.SayHello(1'000);
  std::vector<std::string> payloads;
  for (size_t size : {0u, 1u, 22u, 23u, 24u, 1'000u, 16'383u, 16'384u, 65'535u, 65'536u, 1u << 20, 7u << 20}) {
    std::string payload(size, '\0');
    for (size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(i * 31 + size);
    payloads.push_back(std::move(payload));
  }
  for (int round = 0; round < 3; ++round) {
    for (const std::string& payload : payloads) source_.Publish(NewMessage(payload));
    for (const std::string& payload : payloads) {
      std::optional<v1::Delivery> delivery = worker.ReadDelivery();
      ASSERT_TRUE(delivery);
      EXPECT_TRUE(delivery->payload() == payload) << payload.size();
      ASSERT_TRUE(worker.Settle(delivery->delivery_id()));
    }
  }
  EXPECT_TRUE(source_.AwaitSettled(3 * payloads.size()));
}

TEST_F(WorkerStreamTest, LargeRepliesArriveUnchanged) {
  Start();
  source_.Publish(NewMessage());
  TestWorker worker(NewChannel());
  worker.SayHello();
  uint64_t id = worker.ReadDelivery()->delivery_id();
  v1::WorkerFrame frame;
  std::string payload(7u << 20, 'r');
  v1::Settle* settle = frame.add_settles();
  settle->set_delivery_id(id);
  settle->add_replies()->set_payload(payload);
  worker.Say(frame);
  ASSERT_TRUE(source_.AwaitSettled(1));
  worker.HalfClose();
  EXPECT_TRUE(worker.Finish().ok());
  std::vector<WorkerSettle> settles = settles_.TakeSettles();
  ASSERT_EQ(settles.size(), 1);
  EXPECT_TRUE(settles[0].replies[0].payload == payload);
}

TEST_F(WorkerStreamTest, ManyWorkersShareManyMessages) {
  Start();
  constexpr size_t kMessages = 20'000;
  constexpr size_t kWorkers = 4;
  std::atomic<size_t> settled{0};
  std::vector<std::unique_ptr<TestWorker>> workers;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kWorkers; ++i) {
    TestWorker& worker = *workers.emplace_back(std::make_unique<TestWorker>(NewChannel()));
    threads.emplace_back([&] {
      worker.SayHello(200);
      while (std::optional<v1::GatewayFrame> frame = worker.Read()) {
        v1::WorkerFrame answer;
        for (const v1::Delivery& delivery : frame->deliveries()) {
          answer.add_settles()->set_delivery_id(delivery.delivery_id());
        }
        if (answer.settles_size() == 0) continue;
        settled += static_cast<size_t>(answer.settles_size());
        worker.Say(answer);
        if (settled >= kMessages) break;
      }
    });
  }
  ASSERT_TRUE(source_.AwaitSessions(kWorkers));
  for (size_t i = 0; i < kMessages / 100; ++i) source_.Publish(NewMessage(), 100);
  EXPECT_TRUE(source_.AwaitSettled(kMessages));
  for (auto& worker : workers) worker->Vanish();
  for (std::thread& thread : threads) thread.join();
  server_->Stop(Clock::Real().Now() + std::chrono::seconds(10));
  EXPECT_EQ(settles_.TakeSettles().size(), kMessages);
}

TEST_F(WorkerStreamTest, AWorkerThatDrainsSettlesAndLeavesWithOk) {
  Start();
  source_.Publish(NewMessage());
  TestWorker worker(NewChannel());
  worker.SayHello();
  uint64_t id = worker.ReadDelivery()->delivery_id();
  v1::WorkerFrame drain;
  drain.mutable_drain()->set_reason("SIGTERM");
  drain.mutable_ping()->set_nonce(3);
  worker.Say(drain);
  while (!worker.Read()->has_pong()) {
  }
  source_.Publish(NewMessage());
  EXPECT_EQ(source_.waiting(), 1) << "not for a worker that drains";
  worker.Settle(id);
  worker.HalfClose();
  EXPECT_TRUE(worker.Finish().ok());
  EXPECT_EQ(settles_.TakeSettles().size(), 1);
  ASSERT_TRUE(source_.AwaitRemoved(1));
  EXPECT_EQ(source_.removed()[1].how, SessionEnd::kDrained);
}

TEST_F(WorkerStreamTest, TheGatewaysDrainTakesSettlesUntilItsDeadline) {
  Start();
  source_.Publish(NewMessage(), 2);
  TestWorker worker(NewChannel());
  worker.SayHello(2);
  uint64_t id = worker.ReadDelivery()->delivery_id();
  ASSERT_TRUE(worker.ReadDelivery());
  server_->Drain(clock_.Now() + Millis(5'000), "the gateway is shutting down");
  std::optional<v1::GatewayFrame> frame = worker.Read();
  ASSERT_TRUE(frame && frame->has_drain());
  EXPECT_EQ(frame->drain().deadline_ms(), 5'000);
  worker.Settle(id);
  EXPECT_TRUE(source_.AwaitSettled(1));
  TestWorker late(NewChannel());
  EXPECT_EQ(late.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  Advance(Millis(5'000));
  grpc::Status status = worker.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(source_.removed()[1].in_flight, 1);
  EXPECT_EQ(source_.removed()[1].how, SessionEnd::kDrained);
}

TEST_F(WorkerStreamTest, HeartbeatsKeepAQuietStreamOpen) {
  Start();
  TestWorker worker(NewChannel());
  worker.SayHello();
  worker.Read();
  for (int i = 0; i < 5; ++i) {
    Advance(Millis(10'000));
    std::optional<v1::GatewayFrame> frame = worker.Read();
    ASSERT_TRUE(frame && frame->has_ping());
    v1::WorkerFrame pong;
    pong.mutable_pong()->set_nonce(frame->ping().nonce());
    pong.mutable_ping()->set_nonce(7);
    ASSERT_TRUE(worker.Say(pong));
    frame = worker.Read();
    ASSERT_TRUE(frame && frame->has_pong());
  }
  EXPECT_EQ(server_->streams(), 1);
}

TEST_F(WorkerStreamTest, ShutdownWithOpenStreamsCompletesAndTellsWorkersToComeAgain) {
  Start();
  std::vector<std::unique_ptr<TestWorker>> workers;
  for (int i = 0; i < 20; ++i) {
    workers.push_back(std::make_unique<TestWorker>(NewChannel()));
    workers.back()->SayHello();
    ASSERT_TRUE(workers.back()->Read());
  }
  TestWorker silent(NewChannel());
  source_.Publish(NewMessage(), 100);
  server_->Stop(Clock::Real().Now() + std::chrono::seconds(20));
  for (auto& worker : workers) EXPECT_EQ(worker->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(silent.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(server_->streams(), 0);
  EXPECT_EQ(metrics_.GetGauge("sluice_worker_streams", "").value(), 0);
  EXPECT_EQ(metrics_.GetCounter("sluice_worker_streams_ended_total", "", {{"reason", "shutdown"}}).value(), 20);
}

}  // namespace
}  // namespace sluice
