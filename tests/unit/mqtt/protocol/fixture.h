// A Client and what it says, for tests that play the broker with bytes.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/mqtt/protocol/client.h"
#include "tests/unit/mqtt/protocol/bytes.h"

namespace sluice::wire {

// Writes down what happens, a line each: "publish t/1 'payload' qos 1 id 7 dup".
class EventLog : public ClientEvents {
 public:
  void OnConnack(const Connack& connack) override {
    Add("connack " + std::to_string(connack.code) + (connack.session_present ? " session" : ""));
  }
  void OnPublish(const Publish& publish) override;
  void OnBadPacket(const BadPacket& packet) override;
  void OnReleased(uint16_t packet_id) override { Add("released " + std::to_string(packet_id)); }
  void OnPublished(uint64_t token, uint8_t reason) override {
    Add("published " + std::to_string(token) + " " + std::to_string(reason));
  }
  void OnSuback(uint16_t packet_id, std::span<const uint8_t> codes, std::string_view reason_string) override {
    Add("suback " + std::to_string(packet_id) + Codes(codes) + Text(" ", reason_string));
  }
  void OnUnsuback(uint16_t packet_id, std::span<const uint8_t> codes) override {
    Add("unsuback " + std::to_string(packet_id) + Codes(codes));
  }
  void OnPingresp() override { Add("pingresp"); }
  void OnDisconnect(const Disconnected& disconnected) override {
    Add("disconnect " + std::to_string(disconnected.reason) + Text(" ", disconnected.reason_string) +
        Text(" to ", disconnected.server_reference));
  }

  std::vector<std::string> Take() { return std::exchange(lines_, {}); }

  std::vector<std::string> bad;  // The bytes of packets that were passed over.

 private:
  void Add(std::string line) { lines_.push_back(std::move(line)); }
  static std::string Codes(std::span<const uint8_t> codes) {
    std::string text;
    for (uint8_t code : codes) text += " " + std::to_string(code);
    return text;
  }
  static std::string Text(const std::string& before, std::string_view text) {
    return text.empty() ? "" : before + "'" + std::string(text) + "'";
  }

  std::vector<std::string> lines_;
};

inline void EventLog::OnPublish(const Publish& publish) {
  std::string line = "publish " + std::string(publish.topic) + " '" + std::string(publish.payload) + "'";
  if (publish.qos != Qos::kAtMostOnce) {
    line += " qos " + std::to_string(static_cast<int>(publish.qos)) + " id " + std::to_string(publish.packet_id);
  }
  if (publish.dup) line += " dup";
  if (publish.retain) line += " retain";
  for (uint32_t id : publish.subscription_ids) line += " for " + std::to_string(id);
  if (publish.payload_is_utf8) line += " utf8";
  line += Text(" type ", publish.content_type) + Text(" reply ", publish.response_topic);
  if (publish.correlation_data) line += " correlation '" + std::string(*publish.correlation_data) + "'";
  if (publish.expiry_s) line += " expiry " + std::to_string(*publish.expiry_s);
  for (const auto& [name, value] : publish.user) line += " " + std::string(name) + "=" + std::string(value);
  EXPECT_EQ(publish.has_properties, publish.payload_is_utf8 || !publish.content_type.empty() ||
                                        !publish.response_topic.empty() || publish.correlation_data ||
                                        publish.expiry_s || !publish.user.empty());
  Add(std::move(line));
}

// "bad PUBLISH property_value qos 1 id 7 to 't': the Payload …".
inline void EventLog::OnBadPacket(const BadPacket& packet) {
  std::string line = "bad " + std::string(packet.name) + " " + std::string(FaultName(packet.kind));
  if (packet.is_publish) {
    line += " qos " + std::to_string(static_cast<int>(packet.qos));
    if (packet.packet_id != 0) line += " id " + std::to_string(packet.packet_id);
    if (packet.seen_before) line += " again";
    line += Text(" to ", packet.topic);
  }
  if (packet.astray) line += " astray";
  bad.emplace_back(packet.bytes);
  Add(line + ": " + std::string(packet.text));
}

inline OutboundMessage Message(std::string topic, std::string payload, int qos, bool retain = false) {
  OutboundMessage message;
  message.topic = std::move(topic);
  message.payload = std::move(payload);
  message.qos = static_cast<Qos>(qos);
  message.retain = retain;
  return message;
}

// Not a fixture itself, so that a test may have two.
class Peer {
 public:
  explicit Peer(bool mqtt5) : Peer(OptionsOf(mqtt5)) {}
  explicit Peer(ConnectOptions options) : mqtt5_(options.mqtt5), client_(std::move(options)) {}

  static ConnectOptions OptionsOf(bool mqtt5) {
    ConnectOptions options;
    options.mqtt5 = mqtt5;
    options.client_id = "sluice-0";
    return options;
  }

  // CONNECT, and its acceptance; neither shows in what follows.
  void Establish(bool session_present = false, const std::string& properties = "") {
    client_.Connect();
    Sent();
    EXPECT_EQ(Receive(ConnackPacket(mqtt5_, session_present, 0, properties)).size(), 1u);
    EXPECT_TRUE(client_.connected());
  }
  // The connection breaks, and another is there on which the broker says whether it has the session. What it makes the
  // client send is in Sent().
  void Reconnect(bool session_present) {
    client_.ConnectionLost();
    client_.Connect();
    Sent();
    Receive(ConnackPacket(mqtt5_, session_present));
  }

  // What the bytes of a broker lead to. The client must take all of them.
  std::vector<std::string> Receive(const std::string& bytes) {
    const Client::Progress progress = client_.Receive(bytes, events_);
    EXPECT_EQ(progress.consumed, bytes.size()) << Hex(bytes);
    EXPECT_GT(progress.wanted, bytes.size() - progress.consumed);
    error_ = progress.error;
    client_.EndAfterError();
    return events_.Take();
  }
  // The reason of the error that the last Receive ended with.
  std::optional<uint8_t> error() const { return error_ ? std::optional(error_->reason) : std::nullopt; }
  std::string error_text() const { return error_ ? error_->text : ""; }
  std::string topic_before() const { return error_ ? error_->topic_before : ""; }
  // What the client has written since the last call.
  std::string Sent() { return std::exchange(client_.output(), {}); }
  std::string SentHex() { return Hex(Sent()); }

  // Takes over and acknowledges what was handed out.
  void Acknowledge() {
    client_.AcceptAll();
    client_.AcknowledgeAccepted();
  }

  // The bytes of the packets that were passed over.
  const std::vector<std::string>& bad() const { return events_.bad; }

  bool Mqtt5() const { return mqtt5_; }
  Client* operator->() { return &client_; }
  Client& client() { return client_; }

 private:
  const bool mqtt5_;
  EventLog events_;
  Client client_;
  std::optional<ProtocolError> error_;
};

// For what holds with both versions.
class BothVersions : public testing::TestWithParam<bool> {
 protected:
  bool Mqtt5() const { return GetParam(); }
  Peer peer_{GetParam()};
};

inline std::string VersionName(const testing::TestParamInfo<bool>& info) { return info.param ? "Mqtt5" : "Mqtt311"; }

}  // namespace sluice::wire
