// What a broker's packets say, as views into the bytes that were received: valid only within the call that hands them
// over. Strings are checked to be UTF-8 as MQTT wants it, topics to be topic names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/message/message.h"

namespace sluice::wire {

// What part of a packet is wrong: a small set, for metrics.
enum class FaultKind : uint8_t {
  kOther,
  kFlags,          // QoS 3, or the DUP flag with QoS 0.
  kLength,         // The packet ends before its fields do, or goes on behind them.
  kPacketId,       // It is 0.
  kTopic,          // It is none, or not a topic name.
  kTopicAlias,     // It stands for no topic.
  kProperties,     // Their length is wrong, or one is unknown, not allowed here, comes twice or is cut off.
  kPropertyValue,  // Out of range, not UTF-8, or a response topic that is none.
  kTooLarge,       // Larger than this client allows.
  kCodes,          // Of an answer: not one for each filter, or one that does not exist.
};
inline constexpr size_t kFaultKinds = 10;

// For a metric's label.
constexpr std::string_view FaultName(FaultKind kind) {
  constexpr std::string_view kNames[kFaultKinds] = {"other",     "flags",       "length",     "packet_id",
                                                    "topic",     "topic_alias", "properties", "property_value",
                                                    "too_large", "codes"};
  return kNames[static_cast<size_t>(kind)];
}

// Why a connection had to end, or a packet was passed over.
struct ProtocolError {
  uint8_t reason = 0;  // MQTT 5.0 §2.4.
  std::string text;    // For people: "PUBLISH: the topic 'a/#' has a wildcard at byte 3". Never a payload or a secret.
  FaultKind kind = FaultKind::kOther;
  // Where a fixed header is wrong: the topic of the PUBLISH before it, if that came with the same bytes. Its length may
  // be what is wrong.
  std::string topic_before{};
};

using UserPropertyViews = std::vector<std::pair<std::string_view, std::string_view>>;

// MQTT 5.0 §3.2, 3.1.1 §3.2. Absent properties have the value that the standard gives them; it owns its strings.
struct Connack {
  bool session_present = false;
  // 0: accepted. MQTT 5: a reason code (§3.2.2.2); 3.1.1: a return code, 1 … 5.
  uint8_t code = 0;
  std::optional<uint32_t> session_expiry_s;
  uint16_t receive_maximum = 65'535;
  Qos maximum_qos = Qos::kExactlyOnce;
  bool retain_available = true;
  std::optional<uint32_t> maximum_packet_bytes;
  std::optional<std::string> assigned_client_id;
  uint16_t topic_alias_maximum = 0;
  std::string reason_string;
  bool wildcard_available = true;
  bool subscription_ids_available = true;
  bool shared_available = true;
  std::optional<uint16_t> server_keep_alive_s;
  std::string response_information;
  std::string server_reference;
};

// MQTT 5.0 §3.3, 3.1.1 §3.3.
struct Publish {
  std::string_view topic;  // Aliases are resolved: then it points into the client, else into the bytes.
  std::string_view payload;
  Qos qos = Qos::kAtMostOnce;
  bool retain = false;
  bool dup = false;
  uint16_t packet_id = 0;
  // MQTT 5; empty means absent save where both differ.
  bool has_properties = false;  // Any of the following but the subscription identifiers.
  bool payload_is_utf8 = false;
  std::string_view content_type;
  std::string_view response_topic;
  std::optional<std::string_view> correlation_data;
  std::optional<uint32_t> expiry_s;
  UserPropertyViews user;
  std::vector<uint32_t> subscription_ids;
};

// MQTT 5.0 §3.14, from the broker.
struct Disconnected {
  uint8_t reason = 0;
  std::string_view reason_string;
  std::string_view server_reference;
};

// A packet that could be framed and is wrong inside. It was passed over, and the connection lives.
struct BadPacket {
  std::string_view name{};  // "PUBLISH".
  FaultKind kind = FaultKind::kOther;
  std::string_view text{};   // What is wrong, worded to stand behind the name.
  std::string_view bytes{};  // All of it, fixed header first; of one that is too large the front.
  size_t size = 0;           // What it had.
  // It may have been the answer to something that now stays without one: nobody can tell to what.
  bool astray = false;

  // Of a PUBLISH, as far as it could be read.
  bool is_publish = false;
  std::string_view topic{};  // Any bytes.
  Qos qos = Qos::kAtMostOnce;
  bool retain = false;
  bool dup = false;
  uint16_t packet_id = 0;    // 0 with QoS 1 and 2: none could be read, so it cannot be acknowledged.
  bool seen_before = false;  // It has none, and the same bytes have come before: the broker sends it again and again.
};

class ClientEvents {
 public:
  virtual ~ClientEvents() = default;
  // Accepted or refused. After a refusal the broker closes, and so does the driver.
  virtual void OnConnack(const Connack& connack) = 0;
  // A message for the consumer. A QoS 2 duplicate of one that was accepted does not come here.
  virtual void OnPublish(const Publish& publish) = 0;
  // A PUBLISH that counts as handed out like any other: with QoS 1 and 2 and a packet id it awaits AcceptAll() and its
  // acknowledgement. Or another packet, which is over with this.
  virtual void OnBadPacket(const BadPacket& /*packet*/) {}
  // PUBREL came: the packet id is free, whether it was known or not. Its PUBCOMP stands in the client's output.
  virtual void OnReleased(uint16_t /*packet_id*/) {}
  // PUBACK or PUBCOMP came, or a PUBREC that refuses: `reason` is 0, or that of a PUBACK or PUBREC ≥ 0x80. 0x10 (no
  // matching subscribers) is told as 0, and so is a PUBCOMP's 0x92: the broker has the message since its PUBREC.
  virtual void OnPublished(uint64_t token, uint8_t reason) = 0;
  // A code for each filter asked for: granted QoS, or ≥ 0x80.
  virtual void OnSuback(uint16_t packet_id, std::span<const uint8_t> codes, std::string_view reason_string) = 0;
  // With MQTT 3.1.1 `codes` is empty.
  virtual void OnUnsuback(uint16_t packet_id, std::span<const uint8_t> codes) = 0;
  virtual void OnPingresp() {}
  // The broker disconnects (MQTT 5). Receive() then returns an error with that reason.
  virtual void OnDisconnect(const Disconnected& disconnected) = 0;
};

}  // namespace sluice::wire
