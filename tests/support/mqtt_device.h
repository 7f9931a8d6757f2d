// The other side of a broker: a device that publishes and hears, for tests.
#pragma once

#include <memory>
#include <string>

#include "server/message/message.h"
#include "tests/support/recorder.h"

namespace sluice {

// What a device received, by value.
struct Received {
  std::string topic;
  std::string payload;
  Qos qos = Qos::kAtMostOnce;
  bool retain = false;
  bool dup = false;
  Properties properties;
};

// Every method waits until the broker has confirmed it, and throws std::runtime_error when it does not.
class MqttDevice {
 public:
  struct Options {
    std::string client_id = {};  // Empty: one of its own.
    std::string username = {};
    std::string password = {};
    bool mqtt5 = true;
  };

  explicit MqttDevice(const std::string& uri) : MqttDevice(uri, Options()) {}
  MqttDevice(const std::string& uri, Options options);
  ~MqttDevice();
  MqttDevice(const MqttDevice&) = delete;
  MqttDevice& operator=(const MqttDevice&) = delete;

  void Publish(const std::string& topic, const std::string& payload, Qos qos = Qos::kAtLeastOnce, bool retain = false,
               const Properties& properties = {});
  void Subscribe(const std::string& filter, Qos qos = Qos::kExactlyOnce);
  void Disconnect();
  // What came for its subscriptions.
  const Recorder<Received>& received() const;

 private:
  class Impl;
  Impl* impl_;
};

}  // namespace sluice
