#include "server/mqtt/protocol/subscribe.h"

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
  std::string_view codes;
  std::string_view reason_string;
};

Fault DecodeAnswer(PacketType type, std::string_view body, bool mqtt5, Answer& answer) {
  Reader reader(body);
  answer.packet_id = reader.TwoBytes();
  if (!reader.ok()) return Malformed("has no packet identifier");
  if (answer.packet_id == 0) return Malformed("the packet identifier is 0");
  if (mqtt5) {
    PropertyReader properties(reader, type);
    for (Property property; properties.Next(property);) {
      if (property.id == PropertyId::kReasonString) answer.reason_string = property.text;
    }
    if (Fault fault = properties.TakeFault()) return fault;
  }
  answer.codes = reader.Rest();
  return {};
}

// Finds what was asked; null when it is to be passed over.
Fault FindRequest(PacketIds& ids, const Answer& answer, PacketUse use, const PacketIds::Slot*& request) {
  request = ids.Find(answer.packet_id);
  if (request != nullptr && request->use != use) {
    return Violation("the packet identifier " + std::to_string(answer.packet_id) + " is that of another packet");
  }
  return {};
}

// MQTT-3.8.4-6, MQTT-3.11.3-1: a code for each filter.
Fault CheckCount(const Answer& answer, const PacketIds::Slot& request) {
  if (answer.codes.size() == request.filters) return {};
  return Violation("has " + std::to_string(answer.codes.size()) + " codes for " + std::to_string(request.filters) +
                   " filters");
}

std::span<const uint8_t> AsBytes(std::string_view codes) {
  return {reinterpret_cast<const uint8_t*>(codes.data()), codes.size()};
}

Fault CodeIsReserved(uint8_t code) { return Violation("the code " + std::to_string(code) + " is reserved"); }

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

Fault ReceiveSuback(std::string_view body, bool mqtt5, PacketIds& ids, ClientEvents& events) {
  Answer answer;
  if (Fault fault = DecodeAnswer(PacketType::kSuback, body, mqtt5, answer)) return fault;
  const PacketIds::Slot* request = nullptr;
  if (Fault fault = FindRequest(ids, answer, PacketUse::kAwaitsSuback, request)) return fault;
  if (request == nullptr) return {};
  if (Fault fault = CheckCount(answer, *request)) return fault;
  const std::span<const uint8_t> codes = AsBytes(answer.codes);
  for (uint8_t code : codes) {
    const bool refused = mqtt5 ? code >= kRefused : code == kRefused;
    if (!refused && code > static_cast<uint8_t>(Qos::kExactlyOnce)) return CodeIsReserved(code);
  }
  ids.Free(answer.packet_id);
  events.OnSuback(answer.packet_id, codes, answer.reason_string);
  return {};
}

Fault ReceiveUnsuback(std::string_view body, bool mqtt5, PacketIds& ids, ClientEvents& events) {
  Answer answer;
  if (Fault fault = DecodeAnswer(PacketType::kUnsuback, body, mqtt5, answer)) return fault;
  const PacketIds::Slot* request = nullptr;
  if (Fault fault = FindRequest(ids, answer, PacketUse::kAwaitsUnsuback, request)) return fault;
  if (!mqtt5 && !answer.codes.empty()) return Malformed("is longer than its fields");
  if (request == nullptr) return {};
  const std::span<const uint8_t> codes = AsBytes(answer.codes);
  if (mqtt5) {
    if (Fault fault = CheckCount(answer, *request)) return fault;
    for (uint8_t code : codes) {
      if (code != 0 && code != kNoSubscriptionExisted && code < kRefused) return CodeIsReserved(code);
    }
  }
  ids.Free(answer.packet_id);
  events.OnUnsuback(answer.packet_id, codes);
  return {};
}

void FreeRequests(PacketIds& ids) {
  ids.ForEach([&ids](uint16_t packet_id, const PacketIds::Slot& slot) {
    if (slot.use == PacketUse::kAwaitsSuback || slot.use == PacketUse::kAwaitsUnsuback) ids.Free(packet_id);
  });
}

}  // namespace sluice::wire
