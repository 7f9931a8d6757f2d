#include "server/mqtt/protocol/inbound_flow.h"

#include <algorithm>

namespace sluice::wire {

void InboundFlow::Begin(uint16_t receive_maximum) {
  receive_maximum_ = receive_maximum;
  quota_ = receive_maximum;
}

void InboundFlow::ConnectionLost() {
  unacknowledged_.clear();
  accepted_ = 0;
  gone_ = 0;
  completions_.clear();
  for (Received& received : received_) {
    if (received == Received::kHandedOut) received = Received::kNothing;
    if (received == Received::kAccepted) received = Received::kRecorded;
  }
}

void InboundFlow::KeepInDoubt(std::span<const uint16_t> packet_ids) {
  for (const uint16_t packet_id : packet_ids) {
    Received& received = StateOf(packet_id);
    if (received == Received::kNothing) received = Received::kInDoubt;
  }
}

void InboundFlow::Resolve(std::span<const uint16_t> packet_ids, bool taken) {
  for (const uint16_t packet_id : packet_ids) {
    // Else it is of another session by now.
    Received& received = StateOf(packet_id);
    if (received == Received::kInDoubt) received = taken ? Received::kRecorded : Received::kNothing;
  }
}

void InboundFlow::Remember(std::span<const uint16_t> packet_ids) {
  for (const uint16_t packet_id : packet_ids) StateOf(packet_id) = Received::kRemembered;
}

InboundFlow::Received& InboundFlow::StateOf(uint16_t packet_id) {
  if (received_.size() <= packet_id) received_.resize(size_t{packet_id} + 1);
  return received_[packet_id];
}

void InboundFlow::ReturnQuota() {
  if (quota_ < receive_maximum_) ++quota_;
}

Fault InboundFlow::ReceivePublish(const Publish& publish, bool& fresh) {
  fresh = true;
  if (publish.qos == Qos::kAtMostOnce) return {};
  if (mqtt5_) {
    // MQTT-3.3.4-9.
    if (quota_ == 0) {
      return {reason::kReceiveMaximumExceeded,
              "more than " + std::to_string(receive_maximum_) + " are unacknowledged, the receive maximum"};
    }
    --quota_;
  }
  bool accepted = false;
  if (publish.qos == Qos::kExactlyOnce) {
    Received& received = StateOf(publish.packet_id);
    fresh = received == Received::kNothing || (received == Received::kRemembered && !publish.dup);
    if (fresh) {
      received = Received::kHandedOut;
    } else if (received == Received::kRecorded || received == Received::kRemembered) {
      received = Received::kAccepted;
    }
    accepted = received == Received::kAccepted;
  }
  // A duplicate of what was accepted needs no more acceptance, but has its turn behind those that came before it.
  if (accepted && accepted_ == unacknowledged_.size()) ++accepted_;
  unacknowledged_.push_back({.packet_id = publish.packet_id, .qos = publish.qos});
  return {};
}

Fault InboundFlow::ReceivePubrel(const Ack& pubrel, std::string& out) {
  Received& received = StateOf(pubrel.packet_id);
  if (received == Received::kHandedOut || received == Received::kAccepted || received == Received::kInDoubt) {
    return Violation("the packet identifier " + std::to_string(pubrel.packet_id) + " awaits its PUBREC",
                     FaultKind::kPacketId);
  }
  // Not known: the PUBCOMP was lost with an earlier connection, or our session is younger than the broker's.
  const bool known = received == Received::kRecorded || received == Received::kRemembered;
  received = Received::kNothing;
  completions_.push_back(
      {.packet_id = pubrel.packet_id, .reason = known || !mqtt5_ ? uint8_t{0} : reason::kPacketIdentifierNotFound});
  if (!withholds_completions_) Complete(1, out);
  return {};
}

void InboundFlow::Complete(size_t count, std::string& out) {
  const auto end = completions_.begin() + static_cast<std::ptrdiff_t>(std::min(count, completions_.size()));
  for (auto one = completions_.begin(); one != end; ++one) {
    AppendAck(out, PacketType::kPubcomp, one->packet_id, one->reason);
    ReturnQuota();
  }
  completions_.erase(completions_.begin(), end);
}

void InboundFlow::Accept(uint64_t count) {
  for (; accepted_ < unacknowledged_.size() && gone_ + accepted_ < count; ++accepted_) {
    const Unacknowledged& one = unacknowledged_[accepted_];
    if (one.qos == Qos::kExactlyOnce && received_[one.packet_id] == Received::kHandedOut) {
      received_[one.packet_id] = Received::kAccepted;
    }
  }
}

void InboundFlow::AcknowledgeAccepted(std::string& out) {
  const auto end = unacknowledged_.begin() + static_cast<std::ptrdiff_t>(accepted_);
  for (auto one = unacknowledged_.begin(); one != end; ++one) {
    if (one->qos == Qos::kAtLeastOnce) {
      AppendAck(out, PacketType::kPuback, one->packet_id);
      ReturnQuota();
      continue;
    }
    AppendAck(out, PacketType::kPubrec, one->packet_id);
    // Where the broker sent it twice, the first PUBREC may have led to PUBREL already.
    Received& received = received_[one->packet_id];
    if (received == Received::kAccepted) received = Received::kRecorded;
  }
  unacknowledged_.erase(unacknowledged_.begin(), end);
  gone_ += accepted_;
  accepted_ = 0;
}

}  // namespace sluice::wire
