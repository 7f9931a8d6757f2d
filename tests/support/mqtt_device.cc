#include "tests/support/mqtt_device.h"

#include <mqtt/async_client.h>

#include <atomic>
#include <stdexcept>
#include <utility>
#include <vector>

#include "server/mqtt/paho/inbound.h"
#include "server/mqtt/paho/outbound.h"
#include "server/runtime/clock.h"

namespace sluice {
namespace {

std::string NextClientId() {
  static std::atomic<int> next{0};
  return "device-" + std::to_string(++next);
}

void Await(const mqtt::token_ptr& token, const char* what) {
  bool done = false;
  try {
    done = token->wait_for(kTestDeadline);
  } catch (const mqtt::exception& error) {
    throw std::runtime_error(std::string(what) + ": " + error.what());
  }
  if (!done) throw std::runtime_error(std::string(what) + ": no answer");
}

}  // namespace

class MqttDevice::Impl {
 public:
  Impl(const std::string& uri, const Options& options)
      : mqtt5_(options.mqtt5),
        client_(uri, options.client_id.empty() ? NextClientId() : options.client_id,
                mqtt::create_options(options.mqtt5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1, 100'000)) {
    client_.set_message_callback([this](const mqtt::const_message_ptr& message) { Hear(message); });
    mqtt::connect_options connect;
    connect.set_mqtt_version(mqtt5_ ? MQTTVERSION_5 : MQTTVERSION_3_1_1);
    if (mqtt5_) {
      connect.set_clean_start(true);
    } else {
      connect.set_clean_session(true);
    }
    if (!options.username.empty()) connect.set_user_name(options.username);
    if (!options.password.empty()) connect.set_password(options.password);
    Await(client_.connect(connect), "connect");
  }

  void Hear(const mqtt::const_message_ptr& message) {
    absl::StatusOr<InboundMessage> inbound = paho::FromPaho(message, Clock::Real());
    if (!inbound.ok()) return;
    const Message& from = *inbound->message;
    received_.Add(Received{.topic = std::string(from.topic),
                           .payload = std::string(from.payload),
                           .qos = from.qos,
                           .retain = from.retain,
                           .dup = from.dup,
                           .properties = from.properties ? *from.properties : Properties()});
  }

  const bool mqtt5_;
  Recorder<Received> received_;
  mqtt::async_client client_;
};

MqttDevice::MqttDevice(const std::string& uri, Options options) : impl_(new Impl(uri, options)) {}

// The client stays: Paho's destroy races with what other clients of the process send.
MqttDevice::~MqttDevice() {
  static auto* const graveyard = new Recorder<Impl*>;
  try {
    impl_->client_.disconnect(0);
  } catch (const mqtt::exception&) {
    // It was disconnected before.
  }
  graveyard->Add(impl_);
}

void MqttDevice::Publish(const std::string& topic, const std::string& payload, Qos qos, bool retain,
                         const Properties& properties) {
  auto message = std::make_shared<OutboundMessage>();
  message->topic = topic;
  message->payload = payload;
  message->qos = qos;
  message->retain = retain;
  message->properties = std::make_unique<Properties>(properties);
  try {
    Await(impl_->client_.publish(paho::ToPaho(message, impl_->mqtt5_)), "publish");
  } catch (const mqtt::exception& error) {
    throw std::runtime_error(std::string("publish: ") + error.what());
  }
}

void MqttDevice::Subscribe(const std::string& filter, Qos qos) {
  Await(impl_->client_.subscribe(filter, static_cast<int>(qos)), "subscribe");
}

void MqttDevice::Disconnect() { Await(impl_->client_.disconnect(0), "disconnect"); }

const Recorder<Received>& MqttDevice::received() const { return impl_->received_; }

}  // namespace sluice
