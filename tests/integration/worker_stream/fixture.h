// A WorkerServer on loopback and workers that speak to it with gRPC's own client.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "server/worker/server.h"
#include "sluice/v1/worker.grpc.pb.h"
#include "tests/support/manual_clock.h"
#include "tests/support/worker_fakes.h"

namespace sluice {

// One stream, from the worker's side. Calls block; a deadline ends what would hang.
class TestWorker {
 public:
  explicit TestWorker(const std::shared_ptr<grpc::Channel>& channel) : stub_(v1::WorkerService::NewStub(channel)) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    stream_ = stub_->Work(&context_);
  }
  ~TestWorker() {
    if (!finished_) {
      context_.TryCancel();
      Finish();
    }
  }
  TestWorker(const TestWorker&) = delete;
  TestWorker& operator=(const TestWorker&) = delete;

  bool Say(const v1::WorkerFrame& frame) { return stream_->Write(frame); }
  bool SayHello(uint32_t messages = 10) {
    v1::WorkerFrame frame;
    frame.mutable_hello()->set_worker_name("test");
    frame.mutable_hello()->add_chains("temperature");
    frame.mutable_hello()->mutable_window()->set_messages(messages);
    return Say(frame);
  }
  bool Settle(uint64_t delivery_id) {
    v1::WorkerFrame frame;
    frame.add_settles()->set_delivery_id(delivery_id);
    return Say(frame);
  }
  // nullopt: the stream has ended.
  std::optional<v1::GatewayFrame> Read() {
    v1::GatewayFrame frame;
    if (!stream_->Read(&frame)) return std::nullopt;
    return frame;
  }
  // Reads frames until one has a delivery; the first of them.
  std::optional<v1::Delivery> ReadDelivery() {
    while (true) {
      if (next_ < frame_.deliveries_size()) return frame_.deliveries(next_++);
      std::optional<v1::GatewayFrame> frame = Read();
      if (!frame) return std::nullopt;
      frame_ = *std::move(frame);
      next_ = 0;
    }
  }
  std::optional<v1::Result> ReadResult() {
    while (std::optional<v1::GatewayFrame> frame = Read()) {
      if (frame->results_size() != 0) return frame->results(0);
    }
    return std::nullopt;
  }
  void HalfClose() { stream_->WritesDone(); }
  void Vanish() { context_.TryCancel(); }
  grpc::Status Finish() {
    finished_ = true;
    // Finish waits for all messages to be read.
    while (Read()) {
    }
    return stream_->Finish();
  }

 private:
  std::unique_ptr<v1::WorkerService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerFrame, v1::GatewayFrame>> stream_;
  v1::GatewayFrame frame_;
  int next_ = 0;
  bool finished_ = false;
};

class WorkerStreamTest : public testing::Test {
 protected:
  WorkerStreamTest() {
    chains_.Define("temperature", {});
    config_.listen = "127.0.0.1:0";
    config_.insecure = true;
    config_.max_frame_bytes = 8u << 20;
    config_.max_stream_age = Millis(0);
  }
  ~WorkerStreamTest() override {
    if (server_) server_->Stop(Clock::Real().Now() + std::chrono::seconds(10));
  }

  std::unique_ptr<WorkerServer> NewServer() {
    return std::make_unique<WorkerServer>(WorkerServer::Options{.config = config_,
                                                                .gateway = "gw-0",
                                                                .admission = {.chains = chains_, .may_create = nullptr},
                                                                .wake_by = [](SteadyTime) {},
                                                                .seed = 1},
                                          clock_, metrics_, source_, settles_, gate_);
  }
  void Start() {
    server_ = NewServer();
    absl::Status status = server_->Start();
    ASSERT_TRUE(status.ok()) << status;
  }
  // A channel of its own: another connection.
  std::shared_ptr<grpc::Channel> NewChannel(
      const std::shared_ptr<grpc::ChannelCredentials>& credentials = grpc::InsecureChannelCredentials()) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(-1);
    return grpc::CreateCustomChannel(server_->address(), credentials, arguments);
  }
  void Advance(Millis by) {
    clock_.Advance(by);
    server_->Tick(clock_.Now());
  }
  static MessagePtr NewMessage(std::string payload = "21.5") { return MakeMessage("plant/1", std::move(payload)); }

  ManualClock clock_;
  MetricsRegistry metrics_;
  FakeDeliverySource source_;
  FakeSettleHandler settles_{source_};
  ReadGate gate_;
  ChainDirectory chains_{ChainOptions{}};
  WorkersConfig config_;
  std::unique_ptr<WorkerServer> server_;
};

}  // namespace sluice
