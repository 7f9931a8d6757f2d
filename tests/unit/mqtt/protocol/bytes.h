// Packets as bytes, written by hand: what a test means to say is what is on the wire, right or wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::wire {

inline std::string U8(unsigned value) { return {static_cast<char>(value)}; }
inline std::string U16(unsigned value) { return U8(value >> 8 & 0xFF) + U8(value & 0xFF); }
inline std::string U32(uint32_t value) { return U16(value >> 16) + U16(value & 0xFFFF); }
inline std::string Varint(size_t value) {
  return value < 128 ? U8(static_cast<unsigned>(value))
                     : U8(static_cast<unsigned>(value % 128 | 0x80)) + Varint(value / 128);
}
// A string or Binary Data.
inline std::string Str(std::string_view text) { return U16(static_cast<unsigned>(text.size())) + std::string(text); }

// `first`: type and flags. Puts the Remaining Length in.
inline std::string Packet(unsigned first, const std::string& body) { return U8(first) + Varint(body.size()) + body; }
// A property list with its length.
inline std::string Props(const std::string& list) { return Varint(list.size()) + list; }

// "10 05 …", for messages about bytes.
inline std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    if (!hex.empty()) hex += ' ';
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

// ---- packets of a broker in their usual form

inline std::string ConnackPacket(bool mqtt5, bool session_present = false, unsigned code = 0,
                                 const std::string& list = "") {
  return Packet(0x20, U8(session_present ? 1 : 0) + U8(code) + (mqtt5 ? Props(list) : ""));
}
// `flags`: of the fixed header. The packet id is left out with QoS 0.
inline std::string PublishPacket(bool mqtt5, unsigned flags, std::string_view topic, unsigned packet_id,
                                 std::string_view payload, const std::string& list = "") {
  return Packet(0x30 | flags, Str(topic) + ((flags & 6) == 0 ? "" : U16(packet_id)) + (mqtt5 ? Props(list) : "") +
                                  std::string(payload));
}
inline std::string Puback(unsigned id) { return Packet(0x40, U16(id)); }
inline std::string Pubrec(unsigned id) { return Packet(0x50, U16(id)); }
inline std::string Pubrel(unsigned id) { return Packet(0x62, U16(id)); }
inline std::string Pubcomp(unsigned id) { return Packet(0x70, U16(id)); }
// With a reason, MQTT 5.
inline std::string Reasoned(unsigned first, unsigned id, unsigned reason) {
  return Packet(first, U16(id) + U8(reason));
}

}  // namespace sluice::wire
