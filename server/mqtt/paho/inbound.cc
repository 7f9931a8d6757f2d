#include "server/mqtt/paho/inbound.h"

#include <span>
#include <string_view>
#include <utility>

#include "server/message/topic.h"

namespace sluice::paho {
namespace {

std::string_view View(const MQTTLenString& text) {
  return text.len <= 0 ? std::string_view() : std::string_view(text.data, static_cast<size_t>(text.len));
}

bool IsMqttString(const MQTTLenString& text) { return CheckMqttString(View(text)).ok(); }

// Null when none of the properties is for the gateway.
std::unique_ptr<const Properties> ReadProperties(std::span<const MQTTProperty> list, std::vector<uint32_t>& ids) {
  std::unique_ptr<Properties> out;
  auto properties = [&out]() -> Properties& {
    if (!out) out = std::make_unique<Properties>();
    return *out;
  };
  for (const MQTTProperty& property : list) {
    switch (property.identifier) {
      case MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER:
        ids.push_back(property.value.integer4);
        break;
      case MQTTPROPERTY_CODE_CONTENT_TYPE:
        if (IsMqttString(property.value.data)) properties().content_type = View(property.value.data);
        break;
      case MQTTPROPERTY_CODE_RESPONSE_TOPIC:
        if (IsMqttString(property.value.data)) properties().response_topic = View(property.value.data);
        break;
      case MQTTPROPERTY_CODE_CORRELATION_DATA:
        properties().correlation_data = View(property.value.data);
        break;
      case MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL:
        properties().expiry_s = property.value.integer4;
        break;
      case MQTTPROPERTY_CODE_USER_PROPERTY:
        if (IsMqttString(property.value.data) && IsMqttString(property.value.value)) {
          properties().user.emplace_back(View(property.value.data), View(property.value.value));
        }
        break;
      default:
        break;  // Payload format indicator, topic alias: nothing for a worker.
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<InboundMessage> FromPaho(const mqtt::const_message_ptr& message, const Clock& clock) {
  InboundMessage inbound;
  auto out = std::make_shared<Message>();
  out->topic = message->get_topic();
  if (absl::Status valid = CheckTopicName(out->topic); !valid.ok()) return valid;
  const mqtt::binary_ref& payload = message->get_payload_ref();
  if (!payload.empty()) out->payload = std::string_view(payload.data(), payload.size());
  out->qos = static_cast<Qos>(message->get_qos());
  out->retain = message->is_retained();
  out->dup = message->is_duplicate();
  const MQTTProperties& properties = message->get_properties().c_struct();
  if (properties.count > 0) {
    out->properties =
        ReadProperties({properties.array, static_cast<size_t>(properties.count)}, inbound.subscription_ids);
  }
  out->received = clock.Now();
  out->received_unix_ms = clock.UnixMillis();
  out->storage = message;
  inbound.message = std::move(out);
  return inbound;
}

}  // namespace sluice::paho
