// What the tests of the MQTT drivers share: a sink and a listener that record, and short ways to start a connection.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "server/mqtt/intake.h"
#include "server/mqtt/options.h"
#include "server/mqtt/paho/factory.h"
#include "server/mqtt/publisher.h"
#include "server/mqtt/wire/factory.h"
#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"
#include "tests/support/eventually.h"
#include "tests/support/mosquitto.h"
#include "tests/support/mqtt_device.h"
#include "tests/support/recorder.h"

namespace sluice {

class RecordingSink final : public InboundSink {
 public:
  absl::Status OnMessages(std::span<InboundMessage> batch) override {
    for (InboundMessage& inbound : batch) messages.Add(std::move(inbound));
    return absl::OkStatus();
  }
  Recorder<InboundMessage> messages;
};

inline std::vector<std::string> Payloads(const std::vector<InboundMessage>& messages) {
  std::vector<std::string> payloads;
  payloads.reserve(messages.size());
  for (const InboundMessage& inbound : messages) payloads.emplace_back(inbound.message->payload);
  return payloads;
}

inline std::vector<std::string> Payloads(const std::vector<Received>& messages) {
  std::vector<std::string> payloads;
  payloads.reserve(messages.size());
  for (const Received& received : messages) payloads.push_back(received.payload);
  return payloads;
}

class RecordingListener final : public PublishListener {
 public:
  void OnOutcomes(std::span<const PublishOutcome> batch) override {
    for (const PublishOutcome& outcome : batch) outcomes.Add(outcome);
  }
  // The outcome of `token`, once it is there.
  PublishOutcome OutcomeOf(uint64_t token) {
    auto has = [token](const std::vector<PublishOutcome>& all) {
      return std::any_of(all.begin(), all.end(), [&](const PublishOutcome& outcome) { return outcome.token == token; });
    };
    for (const PublishOutcome& outcome : outcomes.WaitUntil(has)) {
      if (outcome.token == token) return outcome;
    }
    ADD_FAILURE() << "no outcome for " << token;
    return {};
  }
  Recorder<PublishOutcome> outcomes;
};

// A driver and a version of MQTT: what both drivers must do alike is tested with each.
struct Dialect {
  MqttDriver driver = MqttDriver::kWire;
  bool mqtt5 = true;
};

inline std::vector<Dialect> AllDialects() {
  return {{MqttDriver::kWire, true}, {MqttDriver::kWire, false}, {MqttDriver::kPaho, true}, {MqttDriver::kPaho, false}};
}
inline std::vector<Dialect> Mqtt5Dialects() { return {{MqttDriver::kWire, true}, {MqttDriver::kPaho, true}}; }
inline std::vector<Dialect> WireDialects() { return {{MqttDriver::kWire, true}, {MqttDriver::kWire, false}}; }
inline std::vector<Dialect> PahoDialects() { return {{MqttDriver::kPaho, true}, {MqttDriver::kPaho, false}}; }

inline std::string DialectName(const testing::TestParamInfo<Dialect>& info) {
  return std::string(info.param.driver == MqttDriver::kWire ? "Wire" : "Paho") +
         (info.param.mqtt5 ? "Mqtt5" : "Mqtt311");
}

inline MqttOptions OptionsFor(const std::string& uri, Dialect dialect = {}) {
  MqttOptions options;
  options.driver = dialect.driver;
  options.name = "plant";
  options.uri = uri;
  options.client_id = "sluice-0";
  options.mqtt5 = dialect.mqtt5;
  options.max_reconnect_interval = Millis{100};
  options.connect_timeout = Millis{5'000};
  return options;
}

// A connection of intake with its sink, stopped at the end of the scope.
class TestIntake {
 public:
  TestIntake(MqttOptions options, std::vector<Subscription> subscriptions)
      : connection_((options.driver == MqttDriver::kPaho ? &MakePahoIntake : &MakeWireIntake)(
            options, std::move(subscriptions), sink_, Clock::Real(), metrics_)) {
    connection_->Start();
  }
  ~TestIntake() { connection_->Stop(Clock::Real().Now() + kTestDeadline); }

  IntakeConnection* operator->() { return connection_.get(); }
  // Connected and all granted, by the deadline.
  bool Ready() {
    return Eventually([this] { return connection_->State().ready; });
  }
  bool DetailHas(const std::string& text) {
    bool has = Eventually([&] { return connection_->State().detail.find(text) != std::string::npos; });
    EXPECT_TRUE(has) << "the state says: " << connection_->State().detail;
    return has;
  }
  const Recorder<InboundMessage>& messages() const { return sink_.messages; }
  MetricsRegistry& metrics() { return metrics_; }

 private:
  MetricsRegistry metrics_;
  RecordingSink sink_;
  std::unique_ptr<IntakeConnection> connection_;
};

// A device publishes to "a", and the intake hears it: `intake` is of use.
inline void ExpectToHear(TestIntake& intake, const Mosquitto& broker, const std::string& payload) {
  MqttDevice device(broker.uri());
  device.Publish("a", payload);
  EXPECT_THAT(Payloads(intake.messages().WaitFor(1)), testing::ElementsAre(payload));
}

// A connection of egress with its listener, stopped at the end of the scope.
class TestPublisher {
 public:
  explicit TestPublisher(MqttOptions options)
      : publisher_(MakeWirePublisher(std::move(options), listener_, Clock::Real(), metrics_)) {
    publisher_->Start();
  }
  ~TestPublisher() { publisher_->Stop(Clock::Real().Now() + kTestDeadline); }

  Publisher* operator->() { return publisher_.get(); }
  bool Ready() {
    return Eventually([this] { return publisher_->State().ready; });
  }
  // Hands one message over; its token.
  uint64_t Publish(const std::string& topic, const std::string& payload, Qos qos, bool retain = false,
                   bool wait_for_connection = false, std::unique_ptr<const Properties> properties = nullptr) {
    auto message = std::make_shared<OutboundMessage>();
    message->topic = topic;
    message->payload = payload;
    message->qos = qos;
    message->retain = retain;
    message->properties = std::move(properties);
    message->made = Clock::Real().Now();  // From when its expiry counts.
    std::vector<Outgoing> batch;
    batch.push_back(
        Outgoing{.token = ++next_token_, .message = std::move(message), .wait_for_connection = wait_for_connection});
    publisher_->Publish(std::move(batch));
    return next_token_;
  }
  PublishOutcome OutcomeOf(uint64_t token) { return listener_.OutcomeOf(token); }
  const Recorder<PublishOutcome>& outcomes() const { return listener_.outcomes; }

 private:
  MetricsRegistry metrics_;
  RecordingListener listener_;
  std::unique_ptr<Publisher> publisher_;
  uint64_t next_token_ = 0;
};

}  // namespace sluice
