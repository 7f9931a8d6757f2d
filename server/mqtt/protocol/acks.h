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

// A fault where there is no packet identifier. What is wrong behind it comes in `passed_over`, and is of no consequence:
// some brokers write wrong lengths, and to close for that would be to hear the same again.
Fault DecodeAck(PacketType type, std::string_view body, bool mqtt5, Ack& ack, Fault& passed_over);

// In the short form when the reason is 0, which MQTT 3.1.1 has no other of.
void AppendAck(std::string& out, PacketType type, uint16_t packet_id, uint8_t reason = 0);

}  // namespace sluice::wire
