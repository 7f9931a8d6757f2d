#include "server/mqtt/protocol/publish.h"

#include <string>

#include "absl/status/status.h"
#include "server/message/topic.h"
#include "server/message/user_properties.h"
#include "server/mqtt/packet_size.h"
#include "server/mqtt/protocol/properties.h"

namespace sluice::wire {
namespace {

Fault CheckTopic(std::string_view what, std::string_view topic, FaultKind kind) {
  absl::Status status = CheckTopicName(topic);
  if (status.ok()) return {};
  return Malformed(std::string(what) + " " + std::string(status.message()), kind);
}

// MQTT 5.0 §3.3.1, 3.1.1 §3.3.1.
Fault CheckFlags(const Publish& publish, uint8_t flags) {
  if ((flags >> 1 & 3) == 3) return Malformed("QoS 3", FaultKind::kFlags);  // MQTT-3.3.1-4.
  if (publish.qos == Qos::kAtMostOnce && publish.dup) {                     // MQTT-3.3.1-2.
    return Malformed("the DUP flag with QoS 0", FaultKind::kFlags);
  }
  return {};
}

void ClearProperties(Publish& publish) {
  publish.has_properties = false;
  publish.payload_is_utf8 = false;
  publish.content_type = {};
  publish.response_topic = {};
  publish.correlation_data.reset();
  publish.expiry_s.reset();
  publish.user.clear();
  publish.subscription_ids.clear();
}

// §3.3.2.3.
Fault ReadProperties(Reader& reader, Publish& publish, std::optional<uint16_t>& topic_alias) {
  PropertyReader properties(reader, PacketType::kPublish);
  for (Property property; properties.Next(property);) {
    switch (property.id) {
      case PropertyId::kSubscriptionIdentifier:
        publish.subscription_ids.push_back(property.number);
        continue;
      case PropertyId::kTopicAlias:
        topic_alias = static_cast<uint16_t>(property.number);
        continue;
      case PropertyId::kPayloadFormatIndicator:
        publish.payload_is_utf8 = property.number != 0;
        break;
      case PropertyId::kMessageExpiryInterval:
        publish.expiry_s = property.number;
        break;
      case PropertyId::kContentType:
        publish.content_type = property.text;
        break;
      case PropertyId::kResponseTopic:
        publish.response_topic = property.text;
        break;
      case PropertyId::kCorrelationData:
        publish.correlation_data = property.text;
        break;
      default:
        if (publish.user.size() == kMaxUserProperties) {
          return Malformed("has more than " + std::to_string(kMaxUserProperties) + " user properties",
                           FaultKind::kPropertyValue);
        }
        publish.user.emplace_back(property.text, property.value);
        break;
    }
    publish.has_properties = true;
  }
  if (Fault fault = properties.TakeFault()) return fault;
  // Brokers that do not look at it pass on an empty one. It is no topic, and as good as none; to close for it would
  // close again and again, since the broker sends the message anew.
  if (publish.response_topic.empty()) return {};
  // MQTT-3.3.2-13 and -14.
  return CheckTopic("the response topic", publish.response_topic, FaultKind::kPropertyValue);
}

}  // namespace

Fault DecodePublish(const FixedHeader& header, std::string_view body, bool mqtt5, Publish& publish,
                    std::optional<uint16_t>& topic_alias) {
  Reader reader(body);
  publish.dup = (header.flags & 8) != 0;
  // Of QoS 3, which there is not, all that is certain is that it was to be acknowledged somehow.
  const bool qos_exists = (header.flags >> 1 & 3) != 3;
  publish.qos = qos_exists ? static_cast<Qos>(header.flags >> 1 & 3) : Qos::kAtLeastOnce;
  publish.retain = (header.flags & 1) != 0;
  publish.topic = reader.Prefixed();
  publish.packet_id = publish.qos == Qos::kAtMostOnce || !qos_exists ? uint16_t{0} : reader.TwoBytes();
  ClearProperties(publish);
  topic_alias.reset();
  if (Fault fault = CheckFlags(publish, header.flags)) return fault;
  if (!reader.ok()) return Malformed("is shorter than its fields", FaultKind::kLength);
  if (publish.qos != Qos::kAtMostOnce && publish.packet_id == 0) {
    return Malformed("the packet identifier is 0", FaultKind::kPacketId);
  }
  if (mqtt5) {
    if (Fault fault = ReadProperties(reader, publish, topic_alias)) return fault;
  }
  publish.payload = reader.Rest();
  if (publish.topic.empty() && topic_alias) return {};
  if (publish.topic.empty() && mqtt5) {
    return Violation("there is neither a topic nor a topic alias", FaultKind::kTopic);
  }
  return CheckTopic("the topic", publish.topic, FaultKind::kTopic);  // MQTT-3.3.2-1 and -2.
}

void AppendPublish(std::string& out, const OutboundMessage& message, const PublishHead& head, bool mqtt5) {
  const Properties* properties = message.properties.get();
  const size_t properties_bytes = mqtt5 && properties != nullptr ? PropertiesBytes(*properties) : 0;
  size_t body_size = 2 + message.topic.size() + message.payload.size();
  if (head.packet_id != 0) body_size += 2;
  if (mqtt5) body_size += VariableByteIntegerBytes(properties_bytes) + properties_bytes;

  const auto flags =
      static_cast<uint8_t>((head.dup ? 8 : 0) | static_cast<unsigned>(message.qos) << 1 | (message.retain ? 1 : 0));
  AppendFixedHeader(out, PacketType::kPublish, flags, body_size);
  AppendPrefixed(out, message.topic);
  if (head.packet_id != 0) AppendTwoBytes(out, head.packet_id);
  if (mqtt5) AppendVariableByteInteger(out, properties_bytes);
  if (properties_bytes != 0) AppendMessageProperties(out, *properties, head.expiry_s);
  out += message.payload;
}

}  // namespace sluice::wire
