// A small MQTT client for one thread: what a device does, and no more.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/mqtt_codec.h"
#include "bench/socket.h"

namespace sluice::bench {

// Not thread-safe.
class MqttClient {
 public:
  // Connects with a clean session and waits for the CONNACK.
  static absl::StatusOr<MqttClient> Connect(std::string_view host_port, const ConnectOptions& options);

  using OnMessage = std::function<void(const PublishPacket&)>;

  // Waits for the SUBACK; messages may come before it.
  absl::Status Subscribe(const std::string& filter, uint8_t qos, const OnMessage& on_message);

  // Whether Publish() may be called at this QoS: the broker's Receive Maximum leaves room.
  bool MayPublish(uint8_t qos) const { return qos == 0 || in_flight_ < receive_maximum_; }
  // To be written by the next Turn().
  void Publish(std::string_view topic, std::string_view payload, uint8_t qos);

  // Writes what is to be written, then waits up to `timeout_ms` for something to read, and takes it: one write, one
  // read. What it takes in is acknowledged with the next turn's write.
  absl::Status Turn(int timeout_ms, const OnMessage& on_message);

  // Publishes of QoS 1 and 2 that the broker has not confirmed.
  size_t in_flight() const { return in_flight_; }

 private:
  MqttClient(Fd fd, bool mqtt5) : fd_(std::move(fd)), mqtt5_(mqtt5) {}

  absl::Status OnFrame(const Frame& frame, const OnMessage& on_message);
  // Turns until `flag` is set by OnFrame.
  absl::Status WaitFor(const bool& flag, const char* what, const OnMessage& on_message);

  Fd fd_;
  bool mqtt5_;
  ReadBuffer in_;
  std::string out_;
  PublishPacket inbound_;
  uint16_t receive_maximum_ = 65'535;
  size_t in_flight_ = 0;
  uint16_t last_packet_id_ = 0;
  bool connected_ = false;
  bool subscribed_ = false;
};

}  // namespace sluice::bench
