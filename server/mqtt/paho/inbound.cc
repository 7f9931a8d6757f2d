#include "server/mqtt/paho/inbound.h"

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "server/message/topic.h"
#include "server/message/utf8.h"

namespace sluice::paho {
namespace {

std::string_view View(const MQTTLenString& text) {
  return text.len <= 0 ? std::string_view() : std::string_view(text.data, static_cast<size_t>(text.len));
}

// Whether it is one; else `why` says what is wrong, if nothing has been wrong yet.
bool IsMqttString(const char* name, const MQTTLenString& text, std::string& why) {
  const absl::Status status = CheckMqttString(View(text));
  if (!status.ok() && why.empty()) why = std::string("the ") + name + " " + std::string(status.message());
  return status.ok();
}

bool IsResponseTopic(const MQTTLenString& text, std::string& why) {
  // An empty one is as good as none; some brokers pass it on.
  if (text.len <= 0) return true;
  const absl::Status status = CheckTopicName(View(text));
  if (!status.ok() && why.empty()) why = "the response topic " + std::string(status.message());
  return status.ok();
}

// Null when none of the properties is for the gateway. `why`: see above.
std::unique_ptr<const Properties> ReadProperties(std::span<const MQTTProperty> list, std::vector<uint32_t>& ids,
                                                 std::string& why) {
  std::unique_ptr<Properties> out;
  auto properties = [&out]() -> Properties& {
    if (!out) out = std::make_unique<Properties>();
    return *out;
  };
  for (const MQTTProperty& property : list) {
    const auto& data = property.value.data;
    switch (property.identifier) {
      case MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER:
        ids.push_back(property.value.integer4);
        break;
      case MQTTPROPERTY_CODE_CONTENT_TYPE:
        if (IsMqttString("Content Type", data, why)) properties().content_type = View(data);
        break;
      case MQTTPROPERTY_CODE_RESPONSE_TOPIC:
        if (IsResponseTopic(data, why)) properties().response_topic = View(data);
        break;
      case MQTTPROPERTY_CODE_CORRELATION_DATA:
        properties().correlation_data = View(data);
        break;
      case MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL:
        properties().expiry_s = property.value.integer4;
        break;
      case MQTTPROPERTY_CODE_USER_PROPERTY:
        if (IsMqttString("User Property", data, why) && IsMqttString("User Property", property.value.value, why)) {
          properties().user.emplace_back(View(data), View(property.value.value));
        }
        break;
      case MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR:
        if (property.value.byte > 1 && why.empty()) {
          why = "the Payload Format Indicator must not be " + std::to_string(property.value.byte);
        }
        break;
      default:
        break;  // The topic alias: nothing for a worker.
    }
  }
  return out;
}

}  // namespace

InboundMessage FromPaho(const mqtt::const_message_ptr& message, const Clock& clock) {
  InboundMessage inbound;
  auto out = std::make_shared<Message>();
  const mqtt::binary_ref& payload = message->get_payload_ref();
  if (!payload.empty()) out->payload = std::string_view(payload.data(), payload.size());
  out->qos = static_cast<Qos>(message->get_qos());
  out->retain = message->is_retained();
  out->dup = message->is_duplicate();
  const MQTTProperties& properties = message->get_properties().c_struct();
  std::string why;
  if (properties.count > 0) {
    out->properties =
        ReadProperties({properties.array, static_cast<size_t>(properties.count)}, inbound.subscription_ids, why);
  }
  const std::string& topic = message->get_topic();
  const absl::Status valid = CheckTopicName(topic);
  if (valid.ok()) {
    out->topic = topic;
    if (!why.empty()) inbound.undeliverable = "malformed PUBLISH: " + why;
  } else {
    inbound.undeliverable =
        "malformed PUBLISH to '" + ReadableTopic(topic) + "': the topic " + std::string(valid.message());
  }
  out->received = clock.Now();
  out->received_unix_ms = clock.UnixMillis();
  out->storage = message;
  inbound.message = std::move(out);
  return inbound;
}

}  // namespace sluice::paho
