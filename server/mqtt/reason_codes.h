// What a broker's numbers mean, in words for logs and /readyz, with what to do about it where that is known.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

namespace reason {
// MQTT 5.0 §2.4, those that the gateway reacts to.
inline constexpr uint8_t kDisconnectWithWill = 0x04;
inline constexpr uint8_t kNoSubscriptionExisted = 0x11;
inline constexpr uint8_t kUnspecifiedError = 0x80;  // This and above are errors.
inline constexpr uint8_t kMalformedPacket = 0x81;
inline constexpr uint8_t kProtocolError = 0x82;
inline constexpr uint8_t kUnsupportedProtocolVersion = 0x84;
inline constexpr uint8_t kServerBusy = 0x89;
inline constexpr uint8_t kServerShuttingDown = 0x8B;
inline constexpr uint8_t kKeepAliveTimeout = 0x8D;
inline constexpr uint8_t kSessionTakenOver = 0x8E;
inline constexpr uint8_t kTopicNameInvalid = 0x90;
inline constexpr uint8_t kPacketIdentifierNotFound = 0x92;
inline constexpr uint8_t kReceiveMaximumExceeded = 0x93;
inline constexpr uint8_t kTopicAliasInvalid = 0x94;
inline constexpr uint8_t kPacketTooLarge = 0x95;
inline constexpr uint8_t kPayloadFormat = 0x99;
inline constexpr uint8_t kRetainNotSupported = 0x9A;
inline constexpr uint8_t kQosNotSupported = 0x9B;
inline constexpr uint8_t kUseAnotherServer = 0x9C;
inline constexpr uint8_t kServerMoved = 0x9D;
inline constexpr uint8_t kSharedSubscriptionsNotSupported = 0x9E;
inline constexpr uint8_t kMaximumConnectTime = 0xA0;
inline constexpr uint8_t kWildcardSubscriptionsNotSupported = 0xA2;
}  // namespace reason

// MQTT 5.0 §2.4: "not authorized". Codes the standard does not know: "unknown reason".
std::string_view ReasonText(uint8_t code);

// "0x86 bad user name or password: check username and password".
std::string DescribeReason(uint8_t code);

// A CONNACK's return code of MQTT 3.1.1 (§3.2.2.3), 1 … 5: "4 bad user name or password: check …".
std::string DescribeReturnCode(uint8_t code);

}  // namespace sluice
