// The other side of a broker: a device that publishes and hears, for tests. A small MQTT client of its own over a plain
// socket, so that no driver is tested against itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "server/message/message.h"
#include "server/runtime/mutex.h"
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

// Every method waits until the broker has confirmed it, and throws std::runtime_error when it does not. For one thread.
class MqttDevice {
 public:
  struct Options {
    std::string client_id = {};  // Empty: one of its own.
    std::string username = {};
    std::string password = {};
    bool mqtt5 = true;
  };

  // `uri` as tcp://127.0.0.1:PORT.
  explicit MqttDevice(const std::string& uri) : MqttDevice(uri, Options()) {}
  MqttDevice(const std::string& uri, Options options);
  ~MqttDevice();
  MqttDevice(const MqttDevice&) = delete;
  MqttDevice& operator=(const MqttDevice&) = delete;

  void Publish(const std::string& topic, const std::string& payload, Qos qos = Qos::kAtLeastOnce, bool retain = false,
               const Properties& properties = {});
  void Subscribe(const std::string& filter, Qos qos = Qos::kExactlyOnce);
  // Returns when the broker has distributed what was published: some acknowledge a message before that, but all take
  // the packets of a connection one after the other.
  void Flush() { Subscribe("mqtt-device/flush"); }
  // The body of the broker's CONNACK.
  std::string connack() const;
  // What came for its subscriptions.
  const Recorder<Received>& received() const { return received_; }

 private:
  // The type of a packet (MQTT 5.0 §2.1.2) and its identifier.
  using Answer = std::pair<uint8_t, uint16_t>;

  void Read();
  void Handle(uint8_t first, std::string_view body);
  void HandlePublish(uint8_t flags, std::string_view body);
  void Send(uint8_t first, std::string_view body);
  uint16_t NextIdentifier();
  // Waits for a packet; its reason code.
  uint8_t Await(Answer answer, const char* what);
  void Answered(Answer answer, uint8_t reason);

  const bool mqtt5_;
  int fd_ = -1;
  uint16_t last_identifier_ = 0;
  std::thread reader_;
  Recorder<Received> received_;

  Mutex send_mutex_;  // One packet at a time.
  mutable Mutex mutex_;
  CondVar changed_;
  std::string connack_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<Answer, uint8_t> answers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
