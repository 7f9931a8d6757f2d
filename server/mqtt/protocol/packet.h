// What all packets are made of: the fixed header (MQTT 5.0 §2.1, 3.1.1 §2.2) and the data types (§1.5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/mqtt/protocol/fault.h"

namespace sluice::wire {

// MQTT 5.0 §2.1.2.
enum class PacketType : uint8_t {
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

// The flags that packets other than PUBLISH have (MQTT-2.1.3-1; 3.1.1: MQTT-2.2.2-1).
constexpr uint8_t RequiredFlags(PacketType type) {
  switch (type) {
    case PacketType::kPubrel:
    case PacketType::kSubscribe:
    case PacketType::kUnsubscribe:
      return 2;
    default:
      return 0;
  }
}

// "PUBLISH".
std::string_view PacketName(PacketType type);

inline constexpr size_t kLongestFixedHeader = 5;

struct FixedHeader {
  PacketType type = PacketType::kConnect;
  uint8_t flags = 0;
  size_t size = 0;  // Of the header itself; 0: not all of it is there yet.
  size_t body_size = 0;

  size_t packet_size() const { return size + body_size; }
};

// Takes the header at the front of `bytes` apart. Only its Remaining Length can be wrong: without an end. One with more
// bytes than it needs (MQTT-1.5.5-1) leaves no doubt where the packet ends.
Fault ReadFixedHeader(std::string_view bytes, FixedHeader& header);

// Whether brokers send packets of this type.
bool FromServer(PacketType type, bool mqtt5);

// Whether a broker may send such a packet at all, with these flags and of this size. The body is not needed, so that a
// packet that is refused never fills a buffer. A PUBLISH's flags and size are its own matter: see DecodePublish().
Fault CheckFixedHeader(const FixedHeader& header, bool mqtt5, uint32_t max_packet_bytes);

Fault TooLarge(const FixedHeader& header, uint32_t max_packet_bytes);

// ---------------------------------------------------------------------------------------------- reading

// Takes the fields off the front of a packet. A read beyond its end gives zero or an empty view, and all that follow
// too; ok() is false from then on.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool empty() const { return bytes_.empty(); }

  std::string_view Take(size_t size) {
    if (size > bytes_.size()) return Fail();
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  std::string_view Rest() { return Take(bytes_.size()); }
  uint8_t Byte() {
    const std::string_view taken = Take(1);
    return taken.empty() ? uint8_t{0} : static_cast<uint8_t>(taken[0]);
  }
  uint16_t TwoBytes() {
    const std::string_view taken = Take(2);
    if (taken.empty()) return 0;
    return static_cast<uint16_t>(static_cast<uint8_t>(taken[0]) << 8 | static_cast<uint8_t>(taken[1]));
  }
  uint32_t FourBytes() {
    const uint32_t high = TwoBytes();
    return high << 16 | TwoBytes();
  }
  // Binary Data, and strings, which are not checked here.
  std::string_view Prefixed() { return Take(TwoBytes()); }
  // More bytes than needed are as wrong as an end that does not come (MQTT-1.5.5-1).
  uint32_t VariableByteInteger() {
    if (!bytes_.empty() && static_cast<uint8_t>(bytes_[0]) < 0x80) return Byte();
    return LongVariableByteInteger();
  }

 private:
  uint32_t LongVariableByteInteger();
  std::string_view Fail() {
    ok_ = false;
    bytes_ = {};
    return {};
  }

  std::string_view bytes_;
  bool ok_ = true;
};

// ---------------------------------------------------------------------------------------------- writing

// Each appends to `out`. The caller knows that strings have at most 65,535 bytes, and packets the size that MQTT
// allows.
inline void AppendByte(std::string& out, uint8_t value) { out.push_back(static_cast<char>(value)); }
inline void AppendTwoBytes(std::string& out, uint16_t value) {
  const char bytes[] = {static_cast<char>(value >> 8), static_cast<char>(value & 0xFF)};
  out.append(bytes, sizeof bytes);
}
inline void AppendFourBytes(std::string& out, uint32_t value) {
  AppendTwoBytes(out, static_cast<uint16_t>(value >> 16));
  AppendTwoBytes(out, static_cast<uint16_t>(value & 0xFFFF));
}
void AppendVariableByteInteger(std::string& out, size_t value);
// A string or Binary Data.
void AppendPrefixed(std::string& out, std::string_view text);
// `flags`: MQTT 5.0 §2.1.3.
void AppendFixedHeader(std::string& out, PacketType type, uint8_t flags, size_t body_size);

}  // namespace sluice::wire
