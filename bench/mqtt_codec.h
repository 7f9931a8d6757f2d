// MQTT packets to and from bytes, 3.1.1 and 5, for both roles: what the null broker and the load generator speak.
// Apart from the gateway's own code on purpose, so that a measure does not share its subject's mistakes. Pure: no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::bench {

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

// ---------------------------------------------------------------------------------------------- decoding
// Views point into the bytes that were decoded.

struct Frame {
  PacketType type = PacketType::kConnect;
  uint8_t flags = 0;  // The low four bits of the first byte.
  std::string_view body;
  size_t size = 0;  // Of the whole packet.
};

enum class Framing : uint8_t { kFrame, kIncomplete, kMalformed };

// Takes the packet at the front of `bytes` apart.
Framing NextFrame(std::string_view bytes, Frame& frame);

struct ConnectPacket {
  bool mqtt5 = false;
  bool clean_start = false;
  uint16_t keep_alive_s = 0;
  uint16_t receive_maximum = 65'535;
  std::string_view client_id;
};

struct ConnackPacket {
  bool session_present = false;
  uint8_t reason_code = 0;
  uint16_t receive_maximum = 65'535;
};

struct PublishPacket {
  std::string_view topic;
  std::string_view payload;
  uint8_t qos = 0;
  bool dup = false;
  bool retain = false;
  uint16_t packet_id = 0;  // QoS 1, 2.
  std::vector<uint32_t> subscription_ids;
};

// PUBACK, PUBREC, PUBREL, PUBCOMP.
struct AckPacket {
  uint16_t packet_id = 0;
  uint8_t reason_code = 0;
};

struct TopicFilter {
  std::string filter;
  uint8_t qos = 0;
};

// SUBSCRIBE and UNSUBSCRIBE.
struct FiltersPacket {
  uint16_t packet_id = 0;
  uint32_t subscription_id = 0;  // 0: none.
  std::vector<TopicFilter> filters;
};

// SUBACK.
struct GrantPacket {
  uint16_t packet_id = 0;
  std::string_view reason_codes;  // A byte each; 0x80 and above: refused.
};

// nullopt: malformed. `mqtt5` is the connection's protocol.
std::optional<ConnectPacket> DecodeConnect(const Frame& frame);
std::optional<ConnackPacket> DecodeConnack(const Frame& frame, bool mqtt5);
// Into `packet`, so that its vector's memory is used again.
bool DecodePublish(const Frame& frame, bool mqtt5, PublishPacket& packet);
std::optional<AckPacket> DecodeAck(const Frame& frame);
std::optional<FiltersPacket> DecodeFilters(const Frame& frame, bool mqtt5);
std::optional<GrantPacket> DecodeSuback(const Frame& frame, bool mqtt5);

// ---------------------------------------------------------------------------------------------- encoding
// Each appends one packet to `out`.

struct ConnectOptions {
  bool mqtt5 = true;
  std::string client_id;
  uint16_t keep_alive_s = 0;
  uint16_t receive_maximum = 65'535;
};

void AppendConnect(std::string& out, const ConnectOptions& options);
void AppendConnack(std::string& out, bool mqtt5, uint8_t reason_code, uint16_t receive_maximum);

// Where a PUBLISH lies in a buffer, so that a copy of its bytes can be given another packet id or payload.
struct PublishLayout {
  size_t packet_id = 0;  // Offset from the packet's start; 0: QoS 0, none.
  size_t payload = 0;    // Offset from the packet's start.
};
PublishLayout AppendPublish(std::string& out, const PublishPacket& packet, bool mqtt5);
// The short form, which says success in both protocols.
void AppendAck(std::string& out, PacketType type, uint16_t packet_id);
void AppendSubscribe(std::string& out, const FiltersPacket& packet, bool mqtt5);
void AppendSuback(std::string& out, uint16_t packet_id, std::string_view reason_codes, bool mqtt5);
void AppendUnsuback(std::string& out, uint16_t packet_id, std::string_view reason_codes, bool mqtt5);
// PINGREQ, PINGRESP, and DISCONNECT without a reason.
void AppendEmpty(std::string& out, PacketType type);
void AppendDisconnect(std::string& out, uint8_t reason_code);  // MQTT 5 only.

inline uint16_t LoadU16(const char* bytes) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[0]) << 8 | static_cast<uint8_t>(bytes[1]));
}
inline void StoreU16(char* bytes, uint16_t value) {
  bytes[0] = static_cast<char>(value >> 8);
  bytes[1] = static_cast<char>(value & 0xFF);
}

// ---------------------------------------------------------------------------------------------- topics

// The filter of "$share/GROUP/FILTER", else the filter itself (MQTT 5.0 §4.8.2).
std::string_view WithoutShare(std::string_view filter);
// MQTT 5.0 §4.7. `filter` without a $share prefix.
bool Matches(std::string_view filter, std::string_view topic);

}  // namespace sluice::bench
