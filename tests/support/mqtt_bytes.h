// The bytes of MQTT for the tests' own client and broker: written anew, so that the server's code is not tested against
// itself.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace sluice::mqtt_bytes {

// MQTT 5.0 §2.1.2.
enum PacketType : uint8_t {
  kConnect = 1,
  kConnack = 2,
  kPublish = 3,
  kPuback = 4,
  kPubrec = 5,
  kPubrel = 6,
  kPubcomp = 7,
  kSubscribe = 8,
  kSuback = 9,
  kUnsubscribe = 10,
  kUnsuback = 11,
  kPingreq = 12,
  kPingresp = 13,
  kDisconnect = 14,
  kAuth = 15,
};

inline void AppendTwoBytes(std::string& out, size_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value);
}

inline void AppendFourBytes(std::string& out, uint32_t value) {
  AppendTwoBytes(out, value >> 16);
  AppendTwoBytes(out, value & 0xFFFF);
}

inline void AppendString(std::string& out, std::string_view text) {
  AppendTwoBytes(out, text.size());
  out += text;
}

inline void AppendVariable(std::string& out, size_t value) {
  do {
    out += static_cast<char>((value & 0x7F) | (value > 0x7F ? 0x80 : 0));
    value >>= 7;
  } while (value > 0);
}

// Takes values off the front of a packet. Throws std::out_of_range beyond its end.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  std::string_view Take(size_t size) {
    if (size > bytes_.size()) throw std::out_of_range("short packet");
    std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  uint8_t Byte() { return static_cast<uint8_t>(Take(1)[0]); }
  uint16_t TwoBytes() {
    uint16_t high = Byte();
    return static_cast<uint16_t>(high << 8 | Byte());
  }
  uint32_t FourBytes() {
    uint32_t high = TwoBytes();
    return high << 16 | TwoBytes();
  }
  size_t Variable() {
    size_t value = 0;
    for (int shift = 0;; shift += 7) {
      uint8_t byte = Byte();
      value |= static_cast<size_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) return value;
    }
  }
  std::string String() { return std::string(Take(TwoBytes())); }
  std::string Rest() { return std::string(Take(bytes_.size())); }

 private:
  std::string_view bytes_;
};

// A whole packet.
inline std::string MakePacket(uint8_t first, std::string_view body) {
  std::string packet(1, static_cast<char>(first));
  AppendVariable(packet, body.size());
  packet += body;
  return packet;
}

inline bool ReadAll(int fd, char* to, size_t size) {
  while (size > 0) {
    ssize_t got = recv(fd, to, size, 0);
    if (got <= 0) return false;
    to += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

// Type, flags and body of one packet.
struct RawPacket {
  uint8_t first = 0;
  std::string body;
  PacketType type() const { return static_cast<PacketType>(first >> 4); }
  uint8_t qos() const { return first >> 1 & 3; }
};

// The next packet on a socket; nullopt at its end.
inline std::optional<RawPacket> ReadPacket(int fd) {
  RawPacket packet;
  char byte = 0;
  if (!ReadAll(fd, &byte, 1)) return std::nullopt;
  packet.first = static_cast<uint8_t>(byte);
  std::string length;
  do {
    if (!ReadAll(fd, &byte, 1)) return std::nullopt;
    length += byte;
  } while ((byte & 0x80) != 0);
  packet.body.resize(Cursor(length).Variable());
  if (!ReadAll(fd, packet.body.data(), packet.body.size())) return std::nullopt;
  return packet;
}

}  // namespace sluice::mqtt_bytes
