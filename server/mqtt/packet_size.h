// How large a PUBLISH is on the wire, to be held against the broker's Maximum Packet Size (MQTT 5.0 §3.2.2.3.6).
#pragma once

#include <cstdint>

#include "server/message/message.h"

namespace sluice {

// The largest packet MQTT can carry at all: fixed header and a Remaining Length of 268,435,455 bytes.
inline constexpr uint64_t kLargestPacketBytes = 5 + 268'435'455;

// MqttOptions::max_packet_bytes from which on nothing is bounded.
inline constexpr uint32_t kNoPacketLimit = 256u << 20;

// Bytes of the whole packet; with `mqtt5` including its properties, which MQTT 3.1.1 does not carry.
uint64_t PublishPacketBytes(const OutboundMessage& message, bool mqtt5);

// Bytes of the properties alone, without the length in front of them.
uint64_t PropertiesBytes(const Properties& properties);

// Of a Variable Byte Integer (MQTT 5.0 §1.5.5).
uint64_t VariableByteIntegerBytes(uint64_t value);

}  // namespace sluice
