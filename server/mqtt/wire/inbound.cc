#include "server/mqtt/wire/inbound.h"

#include <string>
#include <utility>

#include "server/message/utf8.h"

namespace sluice::wire {
namespace {

std::unique_ptr<const Properties> Copy(const Publish& publish) {
  auto properties = std::make_unique<Properties>();
  properties->content_type = publish.content_type;
  properties->response_topic = publish.response_topic;
  if (publish.correlation_data) properties->correlation_data.emplace(*publish.correlation_data);
  properties->user.reserve(publish.user.size());
  for (const auto& [name, value] : publish.user) properties->user.emplace_back(name, value);
  properties->expiry_s = publish.expiry_s;
  return properties;
}

}  // namespace

InboundMessage ToInbound(const Publish& publish, const std::shared_ptr<const void>& storage, const Arrival& arrival) {
  std::shared_ptr<Message> message;
  if (storage) {
    message = std::make_shared<Message>();
    message->topic = publish.topic;
    message->payload = publish.payload;
    message->storage = storage;
  } else {
    message = MakeMessage(publish.topic, publish.payload);
  }
  message->qos = publish.qos;
  message->retain = publish.retain;
  message->dup = publish.dup;
  if (publish.has_properties) message->properties = Copy(publish);
  message->received = arrival.steady;
  message->received_unix_ms = arrival.unix_ms;
  return {.message = std::move(message),
          .subscription_ids = publish.subscription_ids,
          .packet_id = publish.qos == Qos::kExactlyOnce ? publish.packet_id : uint16_t{0}};
}

InboundMessage ToInbound(const BadPacket& packet, const Arrival& arrival) {
  const std::shared_ptr<Message> message = MakeMessage("", packet.bytes);
  message->qos = packet.qos;
  message->retain = packet.retain;
  message->dup = packet.dup;
  message->received = arrival.steady;
  message->received_unix_ms = arrival.unix_ms;
  const std::string topic = ReadableTopic(packet.topic);
  std::string why = "malformed " + std::string(packet.name);
  if (!topic.empty()) why += " to '" + topic + "'";
  why.append(": ").append(packet.text).append("; the payload is ");
  if (packet.bytes.size() < packet.size) why += "the front of ";
  why += "the packet as it came";
  return {.message = message,
          .subscription_ids = {},
          .packet_id = packet.qos == Qos::kExactlyOnce ? packet.packet_id : uint16_t{0},
          .undeliverable = std::move(why)};
}

}  // namespace sluice::wire
