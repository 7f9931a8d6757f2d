#include "server/mqtt/protocol/connect.h"

#include "server/message/utf8.h"
#include "server/mqtt/packet_size.h"
#include "server/mqtt/protocol/packet.h"
#include "server/mqtt/protocol/properties.h"

namespace sluice::wire {
namespace {

constexpr uint8_t kLargestReturnCode = 5;  // 3.1.1 §3.2.2.3.
constexpr uint16_t kDefaultReceiveMaximum = 65'535;
constexpr std::string_view kTooShort = "is shorter than its fields";

// §3.1.2.3; the user name, the password, the will and the clean start each have a bit.
uint8_t ConnectFlags(const ConnectOptions& options) {
  unsigned flags = options.clean_start ? 1u << 1 : 0u;
  if (options.will) {
    flags |= 1u << 2;
    flags |= static_cast<unsigned>(options.will->message->qos) << 3;
    if (options.will->message->retain) flags |= 1u << 5;
  }
  if (options.password) flags |= 1u << 6;
  if (options.username) flags |= 1u << 7;
  return static_cast<uint8_t>(flags);
}

// §3.1.2.11. What equals the default is left out.
void AppendConnectProperties(std::string& out, const ConnectOptions& options) {
  std::string list;
  if (options.session_expiry_s != 0) {
    AppendNumber(list, PropertyId::kSessionExpiryInterval, options.session_expiry_s);
  }
  if (options.receive_maximum != kDefaultReceiveMaximum) {
    AppendNumber(list, PropertyId::kReceiveMaximum, options.receive_maximum);
  }
  if (options.max_packet_bytes < kLargestPacketBytes) {
    AppendNumber(list, PropertyId::kMaximumPacketSize, options.max_packet_bytes);
  }
  if (options.topic_alias_maximum != 0) {
    AppendNumber(list, PropertyId::kTopicAliasMaximum, options.topic_alias_maximum);
  }
  AppendVariableByteInteger(out, list.size());
  out += list;
}

// §3.1.3.2.
void AppendWill(std::string& out, const ConnectOptions::Will& will, bool mqtt5) {
  if (mqtt5) {
    std::string list;
    if (will.delay_s != 0) AppendNumber(list, PropertyId::kWillDelayInterval, will.delay_s);
    if (will.message->properties != nullptr) AppendMessageProperties(list, *will.message->properties);
    AppendVariableByteInteger(out, list.size());
    out += list;
  }
  AppendPrefixed(out, will.message->topic);
  AppendPrefixed(out, will.message->payload);
}

void ReadProperty(const Property& property, Connack& connack) {
  switch (property.id) {
    case PropertyId::kSessionExpiryInterval:
      connack.session_expiry_s = property.number;
      break;
    case PropertyId::kReceiveMaximum:
      connack.receive_maximum = static_cast<uint16_t>(property.number);
      break;
    case PropertyId::kMaximumQos:
      connack.maximum_qos = static_cast<Qos>(property.number);
      break;
    case PropertyId::kRetainAvailable:
      connack.retain_available = property.number != 0;
      break;
    case PropertyId::kMaximumPacketSize:
      connack.maximum_packet_bytes = property.number;
      break;
    case PropertyId::kAssignedClientIdentifier:
      connack.assigned_client_id = property.text;
      break;
    case PropertyId::kTopicAliasMaximum:
      connack.topic_alias_maximum = static_cast<uint16_t>(property.number);
      break;
    case PropertyId::kReasonString:
      connack.reason_string = property.text;
      break;
    case PropertyId::kWildcardSubscriptionAvailable:
      connack.wildcard_available = property.number != 0;
      break;
    case PropertyId::kSubscriptionIdentifierAvailable:
      connack.subscription_ids_available = property.number != 0;
      break;
    case PropertyId::kSharedSubscriptionAvailable:
      connack.shared_available = property.number != 0;
      break;
    case PropertyId::kServerKeepAlive:
      connack.server_keep_alive_s = static_cast<uint16_t>(property.number);
      break;
    case PropertyId::kResponseInformation:
      connack.response_information = property.text;
      break;
    case PropertyId::kServerReference:
      connack.server_reference = property.text;
      break;
    default:  // User properties.
      break;
  }
}

// A broker that knows no MQTT 5 answers as MQTT 3.1.1 §3.1.2.2 says: with the return code for an unacceptable protocol
// version, which is no reason code of MQTT 5, and without properties; some append a byte or more all the same.
bool SaysVersionIsUnknown(std::string_view body) { return body.starts_with(std::string_view("\0\1", 2)); }

Fault CheckCode(const Connack& connack, bool mqtt5) {
  const bool known =
      connack.code == 0 || (mqtt5 ? connack.code >= reason::kUnspecifiedError : connack.code <= kLargestReturnCode);
  if (!known) return Violation("the code " + std::to_string(connack.code) + " is reserved");
  return {};
}

}  // namespace

void AppendConnect(std::string& out, const ConnectOptions& options) {
  std::string body;
  AppendPrefixed(body, "MQTT");
  AppendByte(body, options.mqtt5 ? 5 : 4);
  AppendByte(body, ConnectFlags(options));
  AppendTwoBytes(body, options.keep_alive_s);
  if (options.mqtt5) AppendConnectProperties(body, options);
  AppendPrefixed(body, options.client_id);
  if (options.will) AppendWill(body, *options.will, options.mqtt5);
  if (options.username) AppendPrefixed(body, *options.username);
  if (options.password) AppendPrefixed(body, *options.password);
  AppendFixedHeader(out, PacketType::kConnect, 0, body.size());
  out += body;
}

std::string DescribeAuth(std::string_view body) {
  constexpr size_t kMostOfAMethod = 100;
  Reader packet(body);
  packet.Byte();  // The reason.
  PropertyReader properties(packet, PacketType::kAuth);
  for (Property property; properties.Next(property);) {
    if (property.id != PropertyId::kAuthenticationMethod) continue;
    return "the broker asks for the authentication method '" + Readable(CutUtf8(property.text, kMostOfAMethod)) +
           "', which the gateway does not have; it has user names with passwords, and certificates";
  }
  return "no authentication method was asked for";
}

Fault DecodeConnack(std::string_view body, const ConnectOptions& options, Connack& connack) {
  if (options.mqtt5 && SaysVersionIsUnknown(body)) {
    connack.code = reason::kUnsupportedProtocolVersion;
    return {};
  }
  Reader reader(body);
  const uint8_t acknowledge_flags = reader.Byte();
  connack.session_present = acknowledge_flags == 1;
  connack.code = reader.Byte();
  if (!reader.ok()) return Malformed(std::string(kTooShort));
  if (acknowledge_flags > 1) return Malformed("the acknowledge flags have a reserved bit");  // MQTT-3.2.2-1.
  if (Fault fault = CheckCode(connack, options.mqtt5)) return fault;
  if (options.mqtt5) {
    PropertyReader properties(reader, PacketType::kConnack);
    for (Property property; properties.Next(property);) ReadProperty(property, connack);
    if (Fault fault = properties.TakeFault()) return fault;
  }
  if (!reader.empty()) return Malformed("is longer than its fields");
  // MQTT-3.2.2-6; 3.1.1: MQTT-3.2.2-4.
  if (connack.session_present && connack.code != 0)
    return Violation("is a refusal, and says that a session is present");
  // MQTT-3.2.2-2 and -4; 3.1.1: MQTT-3.2.2-1.
  if (connack.session_present && options.clean_start) return Violation("a session is present after a clean start");
  return {};
}

}  // namespace sluice::wire
