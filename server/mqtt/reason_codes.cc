#include "server/mqtt/reason_codes.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace sluice {
namespace {

struct Reason {
  uint8_t code;
  std::string_view text;
  std::string_view hint;
};

// Ascending. Codes below 0x80 that only acknowledge (granted QoS, normal disconnection) share a number between packets.
constexpr std::array kReasons = std::to_array<Reason>({
    {0x00, "success", ""},
    {0x01, "granted QoS 1", ""},
    {0x02, "granted QoS 2", ""},
    {0x04, "disconnect with will message", ""},
    {0x10, "no matching subscribers", ""},
    {0x11, "no subscription existed", ""},
    {0x18, "continue authentication", ""},
    {0x19, "re-authenticate", ""},
    {0x80, "unspecified error", "see the broker's log"},
    {0x81, "malformed packet", ""},
    {0x82, "protocol error", ""},
    {0x83, "implementation specific error", "see the broker's log"},
    {0x84, "unsupported protocol version", "set protocol to \"3.1.1\""},
    {0x85, "client identifier not valid", "check clientId"},
    {0x86, "bad user name or password", "check username and password"},
    {0x87, "not authorized", "check the broker's permissions for this user"},
    {0x88, "server unavailable", ""},
    {0x89, "server busy", ""},
    {0x8A, "banned", "see the broker's log"},
    {0x8B, "server shutting down", ""},
    {0x8C, "bad authentication method", ""},
    {0x8D, "keep alive timeout", ""},
    {0x8E, "session taken over", "another client uses the same clientId"},
    {0x8F, "topic filter invalid", ""},
    {0x90, "topic name invalid", ""},
    {0x91, "packet identifier in use", ""},
    {0x92, "packet identifier not found", ""},
    {0x93, "receive maximum exceeded", ""},
    {0x94, "topic alias invalid", ""},
    {0x95, "packet too large", "see the broker's limit on message size"},
    {0x96, "message rate too high", ""},
    {0x97, "quota exceeded", ""},
    {0x98, "administrative action", ""},
    {0x99, "payload format invalid", ""},
    {0x9A, "retain not supported", ""},
    {0x9B, "QoS not supported", "use a lower qos"},
    {0x9C, "use another server", ""},
    {0x9D, "server moved", ""},
    {0x9E, "shared subscriptions not supported", "remove share from the route"},
    {0x9F, "connection rate exceeded", ""},
    {0xA0, "maximum connect time", ""},
    {0xA1, "subscription identifiers not supported", ""},
    {0xA2, "wildcard subscriptions not supported", ""},
});

const Reason* Find(uint8_t code) {
  const auto* found = std::lower_bound(kReasons.begin(), kReasons.end(), code,
                                       [](const Reason& reason, uint8_t wanted) { return reason.code < wanted; });
  return found != kReasons.end() && found->code == code ? found : nullptr;
}

std::string Join(std::string number, std::string_view text, std::string_view hint) {
  number += ' ';
  number += text;
  if (!hint.empty()) {
    number += ": ";
    number += hint;
  }
  return number;
}

}  // namespace

std::string_view ReasonText(uint8_t code) {
  const Reason* reason = Find(code);
  return reason == nullptr ? "unknown reason" : reason->text;
}

std::string DescribeReason(uint8_t code) {
  std::array<char, 8> number{};
  std::snprintf(number.data(), number.size(), "0x%02X", code);
  const Reason* reason = Find(code);
  return Join(number.data(), ReasonText(code), reason == nullptr ? "" : reason->hint);
}

std::string DescribeReturnCode(uint8_t code) {
  // MQTT 3.1.1 table 3.1, in terms of their MQTT 5 counterparts.
  static constexpr std::array<uint8_t, 6> kCounterparts = {0x00, 0x84, 0x85, 0x88, 0x86, 0x87};
  std::string number = std::to_string(code);
  if (code >= kCounterparts.size()) return Join(std::move(number), "unknown return code", "");
  // The 3.1.1 hint for a refused version is to leave this version, not to choose it.
  if (code == 1) return Join(std::move(number), "unsupported protocol version", "set protocol to \"5\"");
  const Reason* reason = Find(kCounterparts[code]);
  return Join(std::move(number), reason->text, reason->hint);
}

}  // namespace sluice
