#include "server/mqtt/protocol/packet.h"

#include <array>

namespace sluice::wire {
namespace {

constexpr std::array<std::string_view, 16> kNames = {
    "packet of type 0", "CONNECT", "CONNACK",     "PUBLISH",  "PUBACK",  "PUBREC",   "PUBREL",     "PUBCOMP",
    "SUBSCRIBE",        "SUBACK",  "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"};

// MQTT 5.0 §2.1.2, direction of flow: a bit for each type.
constexpr unsigned Bit(PacketType type) { return 1u << static_cast<unsigned>(type); }
constexpr unsigned kFromServer311 = Bit(PacketType::kConnack) | Bit(PacketType::kPublish) | Bit(PacketType::kPuback) |
                                    Bit(PacketType::kPubrec) | Bit(PacketType::kPubrel) | Bit(PacketType::kPubcomp) |
                                    Bit(PacketType::kSuback) | Bit(PacketType::kUnsuback) | Bit(PacketType::kPingresp);
constexpr unsigned kFromServer5 = kFromServer311 | Bit(PacketType::kDisconnect) | Bit(PacketType::kAuth);

}  // namespace

std::string_view PacketName(PacketType type) { return kNames[static_cast<uint8_t>(type) & 0x0F]; }

bool FromServer(PacketType type, bool mqtt5) { return ((mqtt5 ? kFromServer5 : kFromServer311) & Bit(type)) != 0; }

Fault ReadFixedHeader(std::string_view bytes, FixedHeader& header) {
  header.size = 0;
  if (bytes.size() < 2) return {};
  const auto first = static_cast<uint8_t>(bytes[0]);
  header.type = static_cast<PacketType>(first >> 4);
  header.flags = first & 0x0F;
  size_t length = 0;
  for (size_t at = 1; at < 5; ++at) {
    if (at == bytes.size()) return {};
    const auto byte = static_cast<uint8_t>(bytes[at]);
    length |= static_cast<size_t>(byte & 0x7F) << 7 * (at - 1);
    if ((byte & 0x80) != 0) continue;
    header.size = at + 1;
    header.body_size = length;
    return {};
  }
  return Malformed("the Remaining Length does not end after four bytes");
}

Fault CheckFixedHeader(const FixedHeader& header, bool mqtt5, uint32_t max_packet_bytes) {
  if (header.type == PacketType{0}) return Malformed("the type is reserved");
  if (!FromServer(header.type, mqtt5)) return Violation("no broker may send it");
  if (header.type == PacketType::kPublish) return {};
  if (header.flags != RequiredFlags(header.type)) {
    return Malformed("the flags of the fixed header are " + std::to_string(header.flags));
  }
  return header.packet_size() > max_packet_bytes ? TooLarge(header, max_packet_bytes) : Fault();
}

Fault TooLarge(const FixedHeader& header, uint32_t max_packet_bytes) {
  return {reason::kPacketTooLarge,
          "has " + std::to_string(header.packet_size()) + " bytes, more than the " + std::to_string(max_packet_bytes) +
              " that are allowed",
          FaultKind::kTooLarge};
}

uint32_t Reader::LongVariableByteInteger() {
  uint32_t value = 0;
  for (unsigned shift = 0; shift < 28; shift += 7) {
    const uint8_t byte = Byte();
    value |= static_cast<uint32_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) != 0) continue;
    if (byte == 0 && shift > 0) break;
    return value;
  }
  Fail();
  return 0;
}

void AppendVariableByteInteger(std::string& out, size_t value) {
  while (value >= 128) {
    AppendByte(out, static_cast<uint8_t>(value % 128 | 0x80));
    value /= 128;
  }
  AppendByte(out, static_cast<uint8_t>(value));
}

void AppendPrefixed(std::string& out, std::string_view text) {
  AppendTwoBytes(out, static_cast<uint16_t>(text.size()));
  out.append(text);
}

void AppendFixedHeader(std::string& out, PacketType type, uint8_t flags, size_t body_size) {
  AppendByte(out, static_cast<uint8_t>(static_cast<uint8_t>(type) << 4 | flags));
  AppendVariableByteInteger(out, body_size);
}

}  // namespace sluice::wire
