#include "server/mqtt/protocol/properties.h"

#include <array>
#include <initializer_list>

#include "absl/status/status.h"
#include "server/message/topic.h"

namespace sluice::wire {
namespace {

enum class Kind : uint8_t { kUnknown, kByte, kTwoBytes, kFourBytes, kVariable, kString, kBinary, kStringPair };

struct Definition {
  std::string_view name;
  Kind kind = Kind::kUnknown;
  bool repeatable = false;
  uint16_t packets = 0;  // A bit for each packet type of a broker's that may have it.
  uint32_t minimum = 0;
  uint32_t maximum = UINT32_MAX;
};

constexpr uint16_t In(std::initializer_list<PacketType> types) {
  uint16_t bits = 0;
  for (PacketType type : types) bits = static_cast<uint16_t>(bits | 1u << static_cast<unsigned>(type));
  return bits;
}

constexpr size_t kDefinitions = 0x2B;

// Table 2-4, as far as brokers send them. What is left out of it, so that it is refused:
// - the Authentication properties in a CONNACK, since CONNECT never has them (MQTT-4.12.0-6);
// - the Session Expiry Interval in a broker's DISCONNECT (MQTT-3.14.2-2).
constexpr std::array<Definition, kDefinitions> kTable = [] {
  using enum PacketType;
  using enum PropertyId;
  std::array<Definition, kDefinitions> table{};
  const auto define = [&table](PropertyId id, Definition definition) { table[static_cast<size_t>(id)] = definition; };
  constexpr uint16_t kInConnack = In({kConnack});
  constexpr uint16_t kInPublish = In({kPublish});
  constexpr uint16_t kInAll =
      In({kConnack, kPublish, kPuback, kPubrec, kPubrel, kPubcomp, kSuback, kUnsuback, kDisconnect, kAuth});
  const auto flag = [](std::string_view name) {
    return Definition{.name = name, .kind = Kind::kByte, .packets = kInConnack, .maximum = 1};
  };

  define(kPayloadFormatIndicator,
         {.name = "Payload Format Indicator", .kind = Kind::kByte, .packets = kInPublish, .maximum = 1});
  define(kMessageExpiryInterval, {.name = "Message Expiry Interval", .kind = Kind::kFourBytes, .packets = kInPublish});
  define(kContentType, {.name = "Content Type", .kind = Kind::kString, .packets = kInPublish});
  define(kResponseTopic, {.name = "Response Topic", .kind = Kind::kString, .packets = kInPublish});
  define(kCorrelationData, {.name = "Correlation Data", .kind = Kind::kBinary, .packets = kInPublish});
  define(kSubscriptionIdentifier, {.name = "Subscription Identifier",
                                   .kind = Kind::kVariable,
                                   .repeatable = true,
                                   .packets = kInPublish,
                                   .minimum = 1});  // §3.3.2.3.8.
  define(kSessionExpiryInterval, {.name = "Session Expiry Interval", .kind = Kind::kFourBytes, .packets = kInConnack});
  define(kAssignedClientIdentifier,
         {.name = "Assigned Client Identifier", .kind = Kind::kString, .packets = kInConnack});
  define(kServerKeepAlive, {.name = "Server Keep Alive", .kind = Kind::kTwoBytes, .packets = kInConnack});
  define(kAuthenticationMethod, {.name = "Authentication Method", .kind = Kind::kString, .packets = In({kAuth})});
  define(kAuthenticationData, {.name = "Authentication Data", .kind = Kind::kBinary, .packets = In({kAuth})});
  define(kWillDelayInterval, {.name = "Will Delay Interval", .kind = Kind::kFourBytes});  // Only sent.
  define(kResponseInformation, {.name = "Response Information", .kind = Kind::kString, .packets = kInConnack});
  define(kServerReference, {.name = "Server Reference", .kind = Kind::kString, .packets = In({kConnack, kDisconnect})});
  define(kReasonString,
         {.name = "Reason String", .kind = Kind::kString, .packets = static_cast<uint16_t>(kInAll & ~kInPublish)});
  define(kReceiveMaximum,
         {.name = "Receive Maximum", .kind = Kind::kTwoBytes, .packets = kInConnack, .minimum = 1});  // §3.2.2.3.3.
  define(kTopicAliasMaximum, {.name = "Topic Alias Maximum", .kind = Kind::kTwoBytes, .packets = kInConnack});
  define(kTopicAlias, {.name = "Topic Alias", .kind = Kind::kTwoBytes, .packets = kInPublish});
  define(kMaximumQos, flag("Maximum QoS"));
  define(kRetainAvailable, flag("Retain Available"));
  define(kUserProperty, {.name = "User Property", .kind = Kind::kStringPair, .repeatable = true, .packets = kInAll});
  define(
      kMaximumPacketSize,
      {.name = "Maximum Packet Size", .kind = Kind::kFourBytes, .packets = kInConnack, .minimum = 1});  // §3.2.2.3.6.
  define(kWildcardSubscriptionAvailable, flag("Wildcard Subscription Available"));
  define(kSubscriptionIdentifierAvailable, flag("Subscription Identifier Available"));
  define(kSharedSubscriptionAvailable, flag("Shared Subscription Available"));
  return table;
}();

Fault Wrong(const Definition& definition, const std::string& what, FaultKind kind = FaultKind::kProperties) {
  return Malformed("the " + std::string(definition.name) + " " + what, kind);
}

Fault CheckString(const Definition& definition, std::string_view text) {
  absl::Status status = CheckMqttString(text);
  return status.ok() ? Fault() : Wrong(definition, std::string(status.message()), FaultKind::kPropertyValue);
}

Fault CheckValue(const Definition& definition, const Property& property) {
  switch (definition.kind) {
    case Kind::kString:
      return CheckString(definition, property.text);
    case Kind::kStringPair:
      if (Fault fault = CheckString(definition, property.text)) return fault;
      return CheckString(definition, property.value);
    case Kind::kBinary:
      return {};
    default:
      if (property.number >= definition.minimum && property.number <= definition.maximum) return {};
      return Violation("the " + std::string(definition.name) + " must not be " + std::to_string(property.number),
                       FaultKind::kPropertyValue);
  }
}

}  // namespace

Fault PropertyReader::LengthIsWrong() { return Malformed("the property length is wrong", FaultKind::kProperties); }

bool PropertyReader::Refuse(Fault fault) {
  fault_ = std::move(fault);
  return false;
}

bool PropertyReader::Next(Property& property) {
  if (fault_ || list_.empty()) return false;
  // A Variable Byte Integer, all of whose defined values have one byte.
  const size_t id = list_.Byte();
  if (id >= kTable.size() || kTable[id].kind == Kind::kUnknown) {
    return Refuse(Malformed("there is no property " + std::to_string(id), FaultKind::kProperties));
  }
  const Definition& definition = kTable[id];
  // MQTT-2.2.2.2: an identifier that is not valid for its packet makes it malformed.
  if ((definition.packets >> static_cast<unsigned>(type_) & 1) == 0) {
    return Refuse(Wrong(definition, "is not allowed here"));
  }
  const uint64_t bit = uint64_t{1} << id;
  if ((seen_ & bit) != 0 && !definition.repeatable)
    return Refuse(Violation("the " + std::string(definition.name) + " comes twice", FaultKind::kProperties));
  seen_ |= bit;

  property.id = static_cast<PropertyId>(id);
  switch (definition.kind) {
    case Kind::kByte:
      property.number = list_.Byte();
      break;
    case Kind::kTwoBytes:
      property.number = list_.TwoBytes();
      break;
    case Kind::kFourBytes:
      property.number = list_.FourBytes();
      break;
    case Kind::kVariable:
      property.number = list_.VariableByteInteger();
      break;
    case Kind::kString:
    case Kind::kBinary:
      property.text = list_.Prefixed();
      break;
    case Kind::kStringPair:
      property.text = list_.Prefixed();
      property.value = list_.Prefixed();
      break;
    case Kind::kUnknown:
      break;
  }
  if (!list_.ok()) return Refuse(Wrong(definition, "is cut off"));
  fault_ = CheckValue(definition, property);
  return !fault_;
}

Fault SkipProperties(Reader& packet, PacketType type) {
  PropertyReader properties(packet, type);
  for (Property property; properties.Next(property);) {
  }
  return properties.TakeFault();
}

void AppendNumber(std::string& out, PropertyId id, uint32_t number) {
  AppendByte(out, static_cast<uint8_t>(id));
  switch (kTable[static_cast<size_t>(id)].kind) {
    case Kind::kByte:
      return AppendByte(out, static_cast<uint8_t>(number));
    case Kind::kTwoBytes:
      return AppendTwoBytes(out, static_cast<uint16_t>(number));
    case Kind::kVariable:
      return AppendVariableByteInteger(out, number);
    default:
      return AppendFourBytes(out, number);
  }
}

void AppendText(std::string& out, PropertyId id, std::string_view text) {
  AppendByte(out, static_cast<uint8_t>(id));
  AppendPrefixed(out, text);
}

void AppendMessageProperties(std::string& out, const Properties& properties, std::optional<uint32_t> expiry_s) {
  if (properties.expiry_s) {
    AppendNumber(out, PropertyId::kMessageExpiryInterval, expiry_s.value_or(*properties.expiry_s));
  }
  if (!properties.content_type.empty()) AppendText(out, PropertyId::kContentType, properties.content_type);
  if (!properties.response_topic.empty()) AppendText(out, PropertyId::kResponseTopic, properties.response_topic);
  if (properties.correlation_data) AppendText(out, PropertyId::kCorrelationData, *properties.correlation_data);
  for (const auto& [name, value] : properties.user) {
    AppendText(out, PropertyId::kUserProperty, name);
    AppendPrefixed(out, value);
  }
}

}  // namespace sluice::wire
