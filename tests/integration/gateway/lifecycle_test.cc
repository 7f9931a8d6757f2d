// A gateway is destroyed in whatever state it is: after a start that failed half way, while it works, after its end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/gateway.h"
#include "server/runtime/mutex.h"
#include "sluice/worker.h"
#include "tests/support/eventually.h"
#include "tests/support/messages.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// What its connections were told, in order.
class Script {
 public:
  void Add(std::string line) {
    MutexLock lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> lines() {
    MutexLock lock(mutex_);
    return lines_;
  }
  std::atomic<size_t> confirmed = 0;

 private:
  Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

// Takes in many messages, on a thread of its own, from Start() to Stop().
class BusyIntake final : public IntakeConnection {
 public:
  BusyIntake(InboundSink& sink, const Clock& clock, Script& script) : sink_(sink), clock_(clock), script_(script) {}
  ~BusyIntake() override { EXPECT_FALSE(thread_.joinable()) << "nobody has stopped it"; }

  void Start() override {
    thread_ = std::thread([this] {
      for (int left = 20'000; left > 0 && !stopping_; --left) {
        InboundMessage inbound;
        inbound.message = MakeMessage({.topic = "in", .payload = "x", .received = clock_.Now()});
        EXPECT_TRUE(sink_.OnMessages({&inbound, 1}).ok());
        std::this_thread::yield();
      }
    });
  }
  void Pause(std::string /*reason*/) override {}
  void Resume() override {}
  void StayOut(std::vector<size_t> /*shared*/) override {}
  void Resubscribe(std::vector<Subscription> /*subscriptions*/) override {}
  bool UnsubscribeShared(SteadyTime /*deadline*/) override { return true; }
  void Stop(SteadyTime /*deadline*/) override {
    if (!stopping_.exchange(true)) script_.Add("intake stops");
    if (thread_.joinable()) thread_.join();
  }
  ConnectionState State() const override { return {.name = "plant", .ready = true, .detail = ""}; }

 private:
  InboundSink& sink_;
  const Clock& clock_;
  Script& script_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

// Confirms what it is given at once.
class ConfirmingPublisher final : public Publisher {
 public:
  ConfirmingPublisher(PublishListener& listener, Script& script) : listener_(listener), script_(script) {}
  ~ConfirmingPublisher() override { EXPECT_TRUE(stopped_) << "nobody has stopped it"; }

  void Start() override {}
  void Publish(std::vector<Outgoing> batch) override {
    std::vector<PublishOutcome> outcomes;
    for (const Outgoing& one : batch) outcomes.push_back({.token = one.token});
    script_.confirmed += outcomes.size();
    listener_.OnOutcomes(outcomes);
  }
  void DropExpired() override {}
  size_t Flush(SteadyTime /*deadline*/) override { return 0; }
  void Stop(SteadyTime /*deadline*/) override {
    if (!std::exchange(stopped_, true)) script_.Add("replies stop");
  }
  absl::StatusOr<std::vector<Outgoing>> TakeOpen() override { return std::vector<Outgoing>(); }
  ConnectionState State() const override { return {.name = "plant (replies)", .ready = true, .detail = ""}; }

 private:
  PublishListener& listener_;
  Script& script_;
  bool stopped_ = false;
};

class GatewayLifecycle : public testing::Test {
 protected:
  GatewayLifecycle() {
    MqttOptions& plant = config_.connections["plant"];
    plant.name = "plant";
    plant.uri = "tcp://127.0.0.1:1";  // Nobody connects.
    plant.client_id = "lifecycle";
    RouteSpec& route = config_.routes.emplace_back();
    route.id = "r";
    route.target = "c";
    route.connection = "plant";
    route.filter = "in";
    route.qos = Qos::kAtLeastOnce;
    config_.workers.listen = "127.0.0.1:0";
    config_.workers.insecure = true;
    config_.http.listen = "127.0.0.1:0";
    config_.journal.path = folder_ / "state";
  }

  absl::StatusOr<std::unique_ptr<Gateway>> Start() {
    absl::StatusOr<std::unique_ptr<Gateway>> gateway = Build();
    if (!gateway.ok()) return gateway.status();
    if (absl::Status status = (*gateway)->Start(); !status.ok()) return status;
    return gateway;
  }

  absl::StatusOr<std::unique_ptr<Gateway>> Build() {
    MqttDrivers drivers;
    drivers.intake = [this](const MqttOptions&, std::vector<Subscription>, InboundSink& sink, const Clock& clock,
                            MetricsRegistry&) { return std::make_unique<BusyIntake>(sink, clock, script_); };
    drivers.publisher = [this](const MqttOptions&, PublishListener& listener, const Clock&, MetricsRegistry&) {
      return std::make_unique<ConfirmingPublisher>(listener, script_);
    };
    return Gateway::Build(config_, {.mqtt = std::move(drivers), .journal = {}});
  }

  const TempDir folder_;
  GatewayConfig config_;
  Script script_;
};

TEST_F(GatewayLifecycle, AStartThatFindsNoPortForWorkersLeavesNothing) {
  const auto first = Start();
  ASSERT_TRUE(first.ok()) << first.status();
  config_.workers.listen = (*first)->workers_address();
  config_.journal.path = folder_ / "other";
  const std::vector<std::string> before = script_.lines();
  const auto second = Start();
  EXPECT_FALSE(second.ok());
  EXPECT_THAT(script_.lines(), ElementsAre("intake stops", "replies stop")) << "those of the second";
  EXPECT_THAT(before, IsEmpty());
}

TEST_F(GatewayLifecycle, AStartThatFailsOnceWorkersMayComeLeavesNothing) {
  const auto first = Start();
  ASSERT_TRUE(first.ok()) << first.status();
  config_.journal.path = folder_ / "other";
  config_.http.listen = (*first)->http_address();
  EXPECT_FALSE(Start().ok());
  config_.http.listen = "127.0.0.1:0";
  config_.admin.listen = (*first)->workers_address();
  config_.admin.insecure = true;
  EXPECT_FALSE(Start().ok());
  EXPECT_THAT(script_.lines(), ElementsAre("intake stops", "replies stop", "intake stops", "replies stop"));
}

TEST_F(GatewayLifecycle, OneThatIsNotShutDownStopsItsThreadsBeforeWhatTheyUse) {
  auto gateway = Start();
  ASSERT_TRUE(gateway.ok()) << gateway.status();
  client::Options options;
  options.gateways = {(*gateway)->workers_address()};
  options.chains = {"c"};
  options.security = client::Security::kPlaintext;
  options.on_event = [](const client::Event&) {};
  client::Worker worker(options, [](const client::Message& message) {
    return client::Reply{.topic = "out", .payload = std::string(message.payload), .qos = 1};
  });
  std::thread working([&worker] { EXPECT_EQ(worker.Run().code(), client::StatusCode::kCancelled); });
  EXPECT_TRUE(Eventually([this] { return script_.confirmed > 100; }));

  gateway->reset();

  EXPECT_THAT(script_.lines(), ElementsAre("intake stops", "replies stop"));
  const size_t confirmed = script_.confirmed;
  worker.Stop();
  working.join();
  EXPECT_EQ(script_.confirmed, confirmed);

  // As after a kill: what was left stands in the journal.
  gateway = Start();
  ASSERT_TRUE(gateway.ok()) << gateway.status();
}

TEST_F(GatewayLifecycle, OneThatWasShutDownStopsNothingTwice) {
  auto gateway = Start();
  ASSERT_TRUE(gateway.ok()) << gateway.status();
  EXPECT_TRUE((*gateway)->Shutdown(Millis(5'000))) << "what no worker takes stays in the journal";
  gateway->reset();
  EXPECT_THAT(script_.lines(), ElementsAre("intake stops", "replies stop"));
}

TEST_F(GatewayLifecycle, OneThatIsOnlyBuiltListensNowhereAndTakesNothingIn) {
  const auto first = Start();
  ASSERT_TRUE(first.ok()) << first.status();
  config_.journal.path = folder_ / "other";
  config_.workers.listen = (*first)->workers_address();
  config_.http.listen = (*first)->http_address();
  const auto second = Build();
  ASSERT_TRUE(second.ok()) << second.status() << ": it has no use for its ports yet";
  EXPECT_TRUE((*second)->Shutdown(Millis(5'000)));
  EXPECT_THAT(script_.lines(), IsEmpty()) << "there is nothing to end";
  EXPECT_EQ((*second)->Start().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(GatewayLifecycle, OneIsStartedOnceAndEndsOnce) {
  const auto gateway = Start();
  ASSERT_TRUE(gateway.ok()) << gateway.status();
  EXPECT_EQ((*gateway)->Start().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE((*gateway)->Shutdown(Millis(5'000)));
  EXPECT_TRUE((*gateway)->Shutdown(Millis(5'000)));
  EXPECT_THAT(script_.lines(), ElementsAre("intake stops", "replies stop"));
}

TEST_F(GatewayLifecycle, OneWhoseStartHasFailedEndsWithoutADrain) {
  const auto first = Start();
  ASSERT_TRUE(first.ok()) << first.status();
  config_.journal.path = folder_ / "other";
  config_.http.listen = (*first)->http_address();
  const auto second = Build();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE((*second)->Start().ok());
  EXPECT_TRUE((*second)->Shutdown(Millis(5'000)));
  EXPECT_THAT(script_.lines(), IsEmpty());
}

}  // namespace
}  // namespace sluice
