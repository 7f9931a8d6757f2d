#include "server/mqtt/protocol/subscribe.h"

#include <optional>
#include <utility>
#include <vector>

#include "server/mqtt/protocol/packet.h"
#include "server/mqtt/protocol/properties.h"

namespace sluice::wire {
namespace {

constexpr uint8_t kRefused = 0x80;  // MQTT 3.1.1 §3.9.3; with MQTT 5 this and all above.
constexpr uint8_t kNoSubscriptionExisted = 0x11;

// §3.8.3.1; MQTT 3.1.1 reserves all but the QoS.
uint8_t SubscriptionOptions(const SubscribeRequest& request, bool mqtt5) {
  auto options = static_cast<unsigned>(request.qos);
  if (mqtt5) {
    if (request.no_local) options |= 1u << 2;
    if (request.retain_as_published) options |= 1u << 3;
    options |= static_cast<unsigned>(request.retain_handling) << 4;
  }
  return static_cast<uint8_t>(options);
}

struct Answer {
  uint16_t packet_id = 0;
  std::optional<std::string_view> codes;  // Nothing: where they begin is not known.
  std::string_view reason_string;
};

// A fault where there is no packet identifier. What is wrong behind it comes in `wrong`: the properties say where they
// end, so that the codes can be read all the same.
Fault DecodeAnswer(PacketType type, std::string_view body, bool mqtt5, Answer& answer, Fault& wrong) {
  Reader reader(body);
  answer.packet_id = reader.TwoBytes();
  if (!reader.ok()) return Malformed("has no packet identifier", FaultKind::kLength);
  if (answer.packet_id == 0) return Malformed("the packet identifier is 0", FaultKind::kPacketId);
  if (mqtt5) {
    PropertyReader properties(reader, type);
    for (Property property; properties.Next(property);) {
      if (property.id == PropertyId::kReasonString) answer.reason_string = property.text;
    }
    wrong = properties.TakeFault();
    if (!reader.ok()) return {};
  }
  answer.codes = reader.Rest();
  return {};
}

Fault IsUnasked(uint16_t packet_id, bool used) {
  const std::string identifier = "the packet identifier " + std::to_string(packet_id);
  return Violation(identifier + (used ? " is that of another packet" : " is that of nothing that was asked"),
                   FaultKind::kPacketId);
}

bool SubackCodeExists(uint8_t code, bool mqtt5) {
  return code <= static_cast<uint8_t>(Qos::kExactlyOnce) || (mqtt5 ? code >= kRefused : code == kRefused);
}

bool UnsubackCodeExists(uint8_t code, bool /*mqtt5*/) {
  return code == 0 || code == kNoSubscriptionExisted || code >= kRefused;
}

// MQTT-3.8.4-6, MQTT-3.11.3-1: a code for each filter. Those that cannot be understood are reason::kMalformedPacket.
std::vector<uint8_t> CodesOf(const Answer& answer, size_t filters, bool mqtt5, bool (*exists)(uint8_t, bool),
                             Fault& wrong) {
  const std::string_view said = answer.codes.value_or(std::string_view());
  if (said.size() != filters) {
    if (!wrong) {
      wrong = Violation("has " + std::to_string(said.size()) + " codes for " + std::to_string(filters) + " filters",
                        FaultKind::kCodes);
    }
    return std::vector<uint8_t>(filters, reason::kMalformedPacket);
  }
  std::vector<uint8_t> codes(said.begin(), said.end());
  for (uint8_t& code : codes) {
    if (exists(code, mqtt5)) continue;
    if (!wrong) wrong = Violation("the code " + std::to_string(code) + " is reserved", FaultKind::kCodes);
    code = reason::kMalformedPacket;
  }
  return codes;
}

}  // namespace

uint16_t SendSubscribe(std::span<const SubscribeRequest> requests, bool mqtt5, PacketIds& ids, std::string& out) {
  const uint16_t packet_id = ids.Take(PacketUse::kAwaitsSuback);
  if (packet_id == 0) return 0;
  ids.Find(packet_id)->filters = static_cast<uint32_t>(requests.size());
  std::string body;
  AppendTwoBytes(body, packet_id);
  if (mqtt5) {
    std::string list;
    if (requests.front().id != 0) AppendNumber(list, PropertyId::kSubscriptionIdentifier, requests.front().id);
    AppendVariableByteInteger(body, list.size());
    body += list;
  }
  for (const SubscribeRequest& request : requests) {
    AppendPrefixed(body, request.filter);
    AppendByte(body, SubscriptionOptions(request, mqtt5));
  }
  AppendFixedHeader(out, PacketType::kSubscribe, RequiredFlags(PacketType::kSubscribe), body.size());
  out += body;
  return packet_id;
}

uint16_t SendUnsubscribe(std::span<const std::string_view> filters, bool mqtt5, PacketIds& ids, std::string& out) {
  const uint16_t packet_id = ids.Take(PacketUse::kAwaitsUnsuback);
  if (packet_id == 0) return 0;
  ids.Find(packet_id)->filters = static_cast<uint32_t>(filters.size());
  std::string body;
  AppendTwoBytes(body, packet_id);
  if (mqtt5) AppendVariableByteInteger(body, 0);
  for (std::string_view filter : filters) AppendPrefixed(body, filter);
  AppendFixedHeader(out, PacketType::kUnsubscribe, RequiredFlags(PacketType::kUnsubscribe), body.size());
  out += body;
  return packet_id;
}

WrongAnswer ReceiveSuback(std::string_view body, bool mqtt5, PacketIds& ids, ClientEvents& events) {
  Answer answer;
  Fault wrong;
  if (Fault fault = DecodeAnswer(PacketType::kSuback, body, mqtt5, answer, wrong)) return {std::move(fault), true};
  const PacketIds::Slot* request = ids.Find(answer.packet_id);
  if (request == nullptr || request->use != PacketUse::kAwaitsSuback) {
    return {IsUnasked(answer.packet_id, request != nullptr), true};
  }
  const std::vector<uint8_t> codes = CodesOf(answer, request->filters, mqtt5, &SubackCodeExists, wrong);
  ids.Free(answer.packet_id);
  events.OnSuback(answer.packet_id, codes, answer.reason_string);
  return {std::move(wrong), false};
}

WrongAnswer ReceiveUnsuback(std::string_view body, bool mqtt5, PacketIds& ids, ClientEvents& events) {
  Answer answer;
  Fault wrong;
  if (Fault fault = DecodeAnswer(PacketType::kUnsuback, body, mqtt5, answer, wrong)) return {std::move(fault), true};
  const PacketIds::Slot* request = ids.Find(answer.packet_id);
  if (request == nullptr || request->use != PacketUse::kAwaitsUnsuback) {
    return {IsUnasked(answer.packet_id, request != nullptr), true};
  }
  std::vector<uint8_t> codes;
  if (mqtt5) {
    codes = CodesOf(answer, request->filters, mqtt5, &UnsubackCodeExists, wrong);
  } else if (!answer.codes->empty()) {
    wrong = Malformed("is longer than its fields", FaultKind::kLength);
  }
  ids.Free(answer.packet_id);
  events.OnUnsuback(answer.packet_id, codes);
  return {std::move(wrong), false};
}

void ForgetRequest(PacketIds& ids, uint16_t packet_id) {
  const PacketIds::Slot* request = ids.Find(packet_id);
  if (request == nullptr) return;
  if (request->use == PacketUse::kAwaitsSuback || request->use == PacketUse::kAwaitsUnsuback) ids.Free(packet_id);
}

void FreeRequests(PacketIds& ids) {
  ids.ForEach([&ids](uint16_t packet_id, const PacketIds::Slot& slot) {
    if (slot.use == PacketUse::kAwaitsSuback || slot.use == PacketUse::kAwaitsUnsuback) ids.Free(packet_id);
  });
}

}  // namespace sluice::wire
