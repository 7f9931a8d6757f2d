#include "server/mqtt/protocol/acks.h"

#include "server/mqtt/protocol/properties.h"

namespace sluice::wire {

Fault DecodeAck(PacketType type, std::string_view body, bool mqtt5, Ack& ack, Fault& passed_over) {
  Reader reader(body);
  ack.packet_id = reader.TwoBytes();
  ack.reason = 0;
  if (!reader.ok()) return Malformed("has no packet identifier", FaultKind::kLength);
  if (ack.packet_id == 0) return Malformed("the packet identifier is 0", FaultKind::kPacketId);
  // Reason and properties may each be left out (§3.4.2.1, §3.4.2.2.1).
  if (mqtt5 && !reader.empty()) ack.reason = reader.Byte();
  if (mqtt5 && !reader.empty()) passed_over = SkipProperties(reader, type);
  if (!passed_over && !reader.empty()) passed_over = Malformed("is longer than its fields", FaultKind::kLength);
  return {};
}

void AppendAck(std::string& out, PacketType type, uint16_t packet_id, uint8_t reason) {
  const char bytes[] = {static_cast<char>(static_cast<uint8_t>(type) << 4 | RequiredFlags(type)),
                        static_cast<char>(reason == 0 ? 2 : 3), static_cast<char>(packet_id >> 8),
                        static_cast<char>(packet_id & 0xFF), static_cast<char>(reason)};
  out.append(bytes, reason == 0 ? sizeof bytes - 1 : sizeof bytes);
}

}  // namespace sluice::wire
