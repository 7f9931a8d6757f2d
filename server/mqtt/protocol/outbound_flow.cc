#include "server/mqtt/protocol/outbound_flow.h"

#include <algorithm>

#include "server/mqtt/protocol/publish.h"

namespace sluice::wire {
namespace {

bool IsPublish(PacketUse use) {
  return use == PacketUse::kAwaitsPuback || use == PacketUse::kAwaitsPubrec || use == PacketUse::kAwaitsPubcomp;
}

Fault IsAnothers(uint16_t packet_id) {
  return Violation("the packet identifier " + std::to_string(packet_id) + " awaits another answer",
                   FaultKind::kPacketId);
}

}  // namespace

void OutboundFlow::Resume(std::string& out) {
  resumed_.clear();
  std::vector<std::pair<uint64_t, uint16_t>> released;  // By the order of the PUBRECs.
  ids_.ForEach([&](uint16_t packet_id, const PacketIds::Slot& slot) {
    if (!IsPublish(slot.use)) return;
    resumed_.push_back({.token = slot.token, .packet_id = packet_id});
    if (slot.use == PacketUse::kAwaitsPubcomp) released.emplace_back(slot.order, packet_id);
  });
  resumed_left_ = resumed_.size();
  std::sort(resumed_.begin(), resumed_.end(), [](const Resumed& a, const Resumed& b) { return a.token < b.token; });
  std::sort(released.begin(), released.end());
  for (const auto& [order, packet_id] : released) AppendAck(out, PacketType::kPubrel, packet_id);
}

void OutboundFlow::DiscardSession() {
  ids_.ForEach([this](uint16_t packet_id, const PacketIds::Slot& slot) {
    if (IsPublish(slot.use)) ids_.Free(packet_id);
  });
  unconfirmed_ = 0;
  resumed_.clear();
  resumed_left_ = 0;
  released_.clear();
}

void OutboundFlow::Inherit() {
  DiscardSession();
  released_.resize(size_t{UINT16_MAX} + 1);
}

uint16_t OutboundFlow::TakeResumed(uint64_t token) {
  if (resumed_.empty()) return 0;
  const auto found = std::lower_bound(resumed_.begin(), resumed_.end(), token,
                                      [](const Resumed& resumed, uint64_t wanted) { return resumed.token < wanted; });
  if (found == resumed_.end() || found->token != token || found->packet_id == 0) return 0;
  if (--resumed_left_ == 0) {
    const uint16_t packet_id = found->packet_id;
    resumed_.clear();
    return packet_id;
  }
  return std::exchange(found->packet_id, uint16_t{0});
}

bool OutboundFlow::Publish(uint64_t token, const OutboundMessage& message, std::optional<uint32_t> expiry_s,
                           std::string& out) {
  if (message.qos == Qos::kAtMostOnce) {
    AppendPublish(out, message, {.expiry_s = expiry_s}, mqtt5_);
    return true;
  }
  if (const uint16_t resumed = TakeResumed(token); resumed != 0) {
    // What the broker has received already went out again as PUBREL.
    if (const PacketIds::Slot& slot = *ids_.Find(resumed); slot.use != PacketUse::kAwaitsPubcomp) {
      // Whether the last one came is not known. If it did, and the message too, the broker has it twice.
      if (slot.releasing) AppendAck(out, PacketType::kPubrel, resumed);
      AppendPublish(out, message, {.packet_id = resumed, .dup = true, .expiry_s = expiry_s}, mqtt5_);
    }
    return true;
  }
  const bool once = message.qos == Qos::kExactlyOnce;
  const uint16_t packet_id = ids_.Take(once ? PacketUse::kAwaitsPubrec : PacketUse::kAwaitsPuback);
  if (packet_id == 0) return false;
  PacketIds::Slot& slot = *ids_.Find(packet_id);
  slot.token = token;
  if (once && !released_.empty() && !released_[packet_id]) {
    released_[packet_id] = true;
    slot.releasing = true;
    AppendAck(out, PacketType::kPubrel, packet_id);
  }
  ++unconfirmed_;
  AppendPublish(out, message, {.packet_id = packet_id, .expiry_s = expiry_s}, mqtt5_);
  return true;
}

void OutboundFlow::Confirm(uint16_t packet_id, uint8_t reason, ClientEvents& events) {
  const uint64_t token = ids_.Find(packet_id)->token;
  // It may come before the caller has sent the message again.
  TakeResumed(token);
  ids_.Free(packet_id);
  --unconfirmed_;
  events.OnPublished(token, reason);
}

Fault OutboundFlow::ReceivePuback(const Ack& puback, ClientEvents& events) {
  const PacketIds::Slot* slot = ids_.Find(puback.packet_id);
  // Not an error in the standard, and brokers answer twice after a take-over.
  if (slot == nullptr) return {};
  // MQTT 3.1.1 has no way to say that QoS 2 is not supported: RabbitMQ takes such a message at QoS 1 and says PUBACK.
  const bool downgraded = !mqtt5_ && slot->use == PacketUse::kAwaitsPubrec;
  if (slot->use != PacketUse::kAwaitsPuback && !downgraded) return IsAnothers(puback.packet_id);
  Confirm(puback.packet_id, puback.refuses() ? puback.reason : uint8_t{0}, events);
  return {};
}

Fault OutboundFlow::ReceivePubrec(const Ack& pubrec, std::string& out, ClientEvents& events) {
  PacketIds::Slot* slot = ids_.Find(pubrec.packet_id);
  if (slot == nullptr) {
    // Lets the broker end its side of a message that is over on ours. One that it refused it has ended itself.
    if (pubrec.refuses()) return {};
    AppendAck(out, PacketType::kPubrel, pubrec.packet_id, mqtt5_ ? reason::kPacketIdentifierNotFound : uint8_t{0});
    return {};
  }
  if (slot->use == PacketUse::kAwaitsPubrec && pubrec.refuses()) {
    Confirm(pubrec.packet_id, pubrec.reason, events);  // MQTT-4.3.3-4: no PUBREL.
    return {};
  }
  if (slot->use == PacketUse::kAwaitsPubrec) {
    slot->use = PacketUse::kAwaitsPubcomp;
    slot->releasing = false;
    slot->order = ++pubrecs_;
  }
  // A PUBREC may come again, when the PUBREL was lost; a refusal may not follow an acceptance.
  if (slot->use != PacketUse::kAwaitsPubcomp || pubrec.refuses()) return IsAnothers(pubrec.packet_id);
  AppendAck(out, PacketType::kPubrel, pubrec.packet_id);
  return {};
}

Fault OutboundFlow::ReceivePubcomp(const Ack& pubcomp, ClientEvents& events) {
  PacketIds::Slot* slot = ids_.Find(pubcomp.packet_id);
  if (slot == nullptr) return {};
  if (slot->releasing) {
    slot->releasing = false;
    return {};
  }
  if (slot->use != PacketUse::kAwaitsPubcomp) return IsAnothers(pubcomp.packet_id);
  // The broker has taken the message over with its PUBREC. That it does not know the identifier any more, which is the
  // only reason there is, says that an earlier PUBCOMP was lost (§3.7.2.1).
  Confirm(pubcomp.packet_id, 0, events);
  return {};
}

}  // namespace sluice::wire
