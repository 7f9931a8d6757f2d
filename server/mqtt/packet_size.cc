#include "server/mqtt/packet_size.h"

namespace sluice {
namespace {

// An identifier of one byte, then a length of two and the bytes.
uint64_t StringProperty(size_t size) { return 3 + size; }

}  // namespace

uint64_t VariableByteIntegerBytes(uint64_t value) {
  if (value < 128) return 1;
  if (value < 16'384) return 2;
  if (value < 2'097'152) return 3;
  return 4;
}

uint64_t PropertiesBytes(const Properties& properties) {
  uint64_t bytes = 0;
  if (!properties.content_type.empty()) bytes += StringProperty(properties.content_type.size());
  if (!properties.response_topic.empty()) bytes += StringProperty(properties.response_topic.size());
  if (properties.correlation_data) bytes += StringProperty(properties.correlation_data->size());
  if (properties.expiry_s) bytes += 5;
  for (const auto& [name, value] : properties.user) bytes += StringProperty(name.size()) + 2 + value.size();
  return bytes;
}

uint64_t PublishPacketBytes(const OutboundMessage& message, bool mqtt5) {
  uint64_t remaining = 2 + message.topic.size() + message.payload.size();
  if (message.qos != Qos::kAtMostOnce) remaining += 2;
  if (mqtt5) {
    uint64_t properties = message.properties == nullptr ? 0 : PropertiesBytes(*message.properties);
    remaining += VariableByteIntegerBytes(properties) + properties;
  }
  return 1 + VariableByteIntegerBytes(remaining) + remaining;
}

}  // namespace sluice
