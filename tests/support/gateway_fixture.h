// A whole gateway in a test's process: its configuration is a text, its broker, its workers and its clock are the test's. No
// network, no files, and nothing happens but by a call.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config/load.h"
#include "server/config/surroundings.h"
#include "server/gateway.h"
#include "sluice/v1/worker.pb.h"
#include "tests/support/fake_server_call.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_broker.h"

namespace sluice {

// A worker's stream, without a connection.
class MemoryWorker {
 public:
  struct Reply {
    std::string topic;
    std::string payload;
  };

  MemoryWorker(const rpc::Service& service, const std::vector<std::string>& chains, uint32_t window = 100)
      : call_("/sluice.v1.WorkerService/Work") {
    call_.Begin(service, "Work");
    v1::WorkerFrame frame;
    frame.mutable_hello()->set_worker_name("worker");
    for (const std::string& chain : chains) frame.mutable_hello()->add_chains(chain);
    frame.mutable_hello()->mutable_window()->set_messages(window);
    Say(frame);
  }
  ~MemoryWorker() { Vanish(); }

  // What has been delivered since the last call.
  std::vector<v1::Delivery> Take() {
    call_.Turn();
    std::vector<v1::Delivery> taken;
    for (; seen_ < call_.messages.size(); ++seen_) {
      v1::GatewayFrame frame;
      EXPECT_TRUE(frame.ParseFromString(call_.messages[seen_]));
      for (const v1::Delivery& delivery : frame.deliveries()) taken.push_back(delivery);
      told_to_leave_ = told_to_leave_ || frame.has_drain();
    }
    return taken;
  }
  // The payloads of Take().
  std::vector<std::string> Payloads() {
    std::vector<std::string> payloads;
    for (const v1::Delivery& delivery : Take()) payloads.push_back(delivery.payload());
    return payloads;
  }
  void Settle(const v1::Delivery& delivery, const std::vector<Reply>& replies = {},
              v1::Outcome outcome = v1::OUTCOME_ACK) {
    v1::WorkerFrame frame;
    v1::Settle& settle = *frame.add_settles();
    settle.set_delivery_id(delivery.delivery_id());
    settle.set_outcome(outcome);
    for (const Reply& reply : replies) {
      v1::Reply& added = *settle.add_replies();
      added.set_topic(reply.topic);
      added.set_payload(reply.payload);
      added.set_qos(1);
    }
    Say(frame);
  }
  // Takes all that is there and answers each at `topic` with its own payload; how many.
  size_t Echo(const std::string& topic) {
    const std::vector<v1::Delivery> taken = Take();
    for (const v1::Delivery& delivery : taken) Settle(delivery, {{topic, delivery.payload()}});
    return taken.size();
  }
  // Half-closes: the stream ends well.
  void Leave() {
    if (gone_) return;
    call_.HalfClose();
    End();
  }
  // Its connection breaks.
  void Vanish() {
    if (gone_) return;
    if (!call_.finished) call_.Cancel(absl::UnavailableError("the connection is lost"));
    End();
  }
  bool told_to_leave() {
    (void)Take();
    return told_to_leave_ || call_.finished.has_value();
  }

 private:
  void Say(const v1::WorkerFrame& frame) { EXPECT_TRUE(call_.Say(frame.SerializeAsString())) << "it does not read"; }
  void End() {
    gone_ = true;
    call_.Done();
  }

  rpc::FakeServerCall call_;
  size_t seen_ = 0;
  bool told_to_leave_ = false;
  bool gone_ = false;
};

class GatewayFixture : public testing::Test {
 protected:
  ~GatewayFixture() override { End(); }

  // Builds and starts a gateway with this configuration, which says nothing of `journal`, `workers` and `http`.
  void Start(const std::string& yaml) {
    Write(yaml);
    LoadResult loaded = Load(std::nullopt, {});
    ASSERT_TRUE(loaded.ok()) << loaded.errors.front().ToString();
    absl::StatusOr<std::unique_ptr<Gateway>> built = Gateway::Build(
        loaded.config, {.mqtt = broker_.Drivers(),
                        .journal = {},
                        .seams = {.serve_workers = [this](rpc::Service workers) { workers_ = std::move(workers); }},
                        .origin = {.name = "gateway.yaml",
                                   .hash = loaded.hash,
                                   .shown = loaded.shown,
                                   .load = [this](const auto& text, auto additions) { return Load(text, additions); },
                                   .text = loaded.text,
                                   .items = loaded.items},
                        .clock = &clock_,
                        .seed = 1});
    ASSERT_TRUE(built.ok()) << built.status();
    gateway_ = *std::move(built);
    const absl::Status started = gateway_->Start();
    ASSERT_TRUE(started.ok()) << started;
    gateway_->Tick();
  }
  // The file says something else now.
  absl::Status Reload(const std::string& yaml) {
    Write(yaml);
    const absl::Status status = gateway_->Reload("a test");
    gateway_->Tick();
    return status;
  }
  void Advance(Millis by) {
    clock_.Advance(by);
    gateway_->Tick();
  }
  std::unique_ptr<MemoryWorker> Worker(const std::vector<std::string>& chains, uint32_t window = 100) {
    return std::make_unique<MemoryWorker>(workers_, chains, window);
  }
  // The workers must have gone.
  void End() { gateway_.reset(); }

  // Above what the machine has been up for, so that what waits until a moment waits.
  ManualClock clock_{Clock::Real().Now()};
  MemoryBroker broker_{clock_};
  rpc::Service workers_;
  std::unique_ptr<Gateway> gateway_;

 private:
  void Write(const std::string& yaml) {
    yaml_ = yaml + "\njournal: {enabled: false}\nworkers: {insecure: true}\nhttp: {listen: \"\"}\n";
  }
  LoadResult Load(const std::optional<ConfigText>& text, std::span<const Addition> additions) const {
    return LoadConfig(text ? text->text : yaml_, "gateway.yaml", Surroundings::Real(), {}, additions);
  }

  std::string yaml_;
};

}  // namespace sluice
