// MQTT 5.0 §2.2.2: what a property may be, and where. MQTT 3.1.1 has none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/message/message.h"
#include "server/mqtt/protocol/fault.h"
#include "server/mqtt/protocol/packet.h"

namespace sluice::wire {

// §2.2.2.2.
enum class PropertyId : uint8_t {
  kPayloadFormatIndicator = 0x01,
  kMessageExpiryInterval = 0x02,
  kContentType = 0x03,
  kResponseTopic = 0x08,
  kCorrelationData = 0x09,
  kSubscriptionIdentifier = 0x0B,
  kSessionExpiryInterval = 0x11,
  kAssignedClientIdentifier = 0x12,
  kServerKeepAlive = 0x13,
  kAuthenticationMethod = 0x15,
  kAuthenticationData = 0x16,
  kWillDelayInterval = 0x18,
  kResponseInformation = 0x1A,
  kServerReference = 0x1C,
  kReasonString = 0x1F,
  kReceiveMaximum = 0x21,
  kTopicAliasMaximum = 0x22,
  kTopicAlias = 0x23,
  kMaximumQos = 0x24,
  kRetainAvailable = 0x25,
  kUserProperty = 0x26,
  kMaximumPacketSize = 0x27,
  kWildcardSubscriptionAvailable = 0x28,
  kSubscriptionIdentifierAvailable = 0x29,
  kSharedSubscriptionAvailable = 0x2A,
};

struct Property {
  PropertyId id = PropertyId::kPayloadFormatIndicator;
  uint32_t number = 0;     // Integers of any size.
  std::string_view text;   // Strings and Binary Data; a user property's name.
  std::string_view value;  // A user property's.
};

// Takes the properties of a packet from a broker one after the other, checked: known, allowed in this packet, in range,
// valid UTF-8, and not twice where that is not allowed.
//
//   PropertyReader properties(reader, PacketType::kConnack);
//   for (Property property; properties.Next(property);) …
//   if (Fault fault = properties.TakeFault()) return fault;
class PropertyReader {
 public:
  // Takes the property length and what it spans off `packet`.
  PropertyReader(Reader& packet, PacketType type) : type_(type), list_(packet.Take(packet.VariableByteInteger())) {
    if (!packet.ok()) fault_ = LengthIsWrong();
  }
  bool Next(Property& property);
  Fault TakeFault() { return std::move(fault_); }

 private:
  static Fault LengthIsWrong();
  bool Refuse(Fault fault);

  const PacketType type_;
  Reader list_;
  uint64_t seen_ = 0;  // A bit for each identifier.
  Fault fault_;
};

// Reads properties of which none is of interest, as strictly.
Fault SkipProperties(Reader& packet, PacketType type);

// Each appends one property.
void AppendNumber(std::string& out, PropertyId id, uint32_t number);
void AppendText(std::string& out, PropertyId id, std::string_view text);
// Those of a message, in a PUBLISH or a will; sluice::PropertiesBytes() of them.
void AppendMessageProperties(std::string& out, const Properties& properties,
                             std::optional<uint32_t> expiry_s = std::nullopt);

}  // namespace sluice::wire
