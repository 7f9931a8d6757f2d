#include "server/mqtt/paho/outbound.h"

#include <utility>

namespace sluice::paho {
namespace {

mqtt::properties ToPaho(const Properties& properties) {
  using mqtt::property;
  mqtt::properties out;
  if (!properties.content_type.empty()) out.add({property::CONTENT_TYPE, properties.content_type});
  if (!properties.response_topic.empty()) out.add({property::RESPONSE_TOPIC, properties.response_topic});
  if (properties.correlation_data) out.add({property::CORRELATION_DATA, *properties.correlation_data});
  if (properties.expiry_s) {
    out.add({property::MESSAGE_EXPIRY_INTERVAL, static_cast<int32_t>(*properties.expiry_s)});
  }
  for (const auto& [name, value] : properties.user) out.add({property::USER_PROPERTY, name, value});
  return out;
}

}  // namespace

mqtt::const_message_ptr ToPaho(const std::shared_ptr<const OutboundMessage>& message, bool mqtt5) {
  // Aliases: they keep the whole message alive.
  mqtt::string_ref topic(std::shared_ptr<const std::string>(message, &message->topic));
  mqtt::binary_ref payload(std::shared_ptr<const std::string>(message, &message->payload));
  auto qos = static_cast<int>(message->qos);
  if (!mqtt5 || message->properties == nullptr) {
    return mqtt::message::create(std::move(topic), std::move(payload), qos, message->retain);
  }
  return mqtt::message::create(std::move(topic), std::move(payload), qos, message->retain,
                               ToPaho(*message->properties));
}

}  // namespace sluice::paho
