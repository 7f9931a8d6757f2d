// PUBACK, PUBREC, PUBREL and PUBCOMP, both ways (MQTT 5.0 §3.4 - §3.7, 3.1.1 §3.4 - §3.7): they look all the same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/mqtt/protocol/fault.h"
#include "server/mqtt/protocol/packet.h"

namespace sluice::wire {

struct Ack {
  uint16_t packet_id = 0;
  uint8_t reason = 0;  // MQTT 5.

  bool refuses() const { return reason >= reason::kUnspecifiedError; }
};

Fault DecodeAck(PacketType type, std::string_view body, bool mqtt5, Ack& ack);

// In the short form when the reason is 0, which MQTT 3.1.1 has no other of.
void AppendAck(std::string& out, PacketType type, uint16_t packet_id, uint8_t reason = 0);

}  // namespace sluice::wire
