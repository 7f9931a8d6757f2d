#include "bench/null_broker/session.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::bench {
namespace {

constexpr size_t kPacketIds = 65'536;
// MQTT 5.0 §2.4.
constexpr uint8_t kMalformedPacket = 0x81;
constexpr uint8_t kProtocolError = 0x82;
constexpr uint8_t kReceiveMaximumExceeded = 0x93;
constexpr uint8_t kNoSubscriptionExisted = 0x11;

}  // namespace

std::optional<size_t> Session::OnBytes(std::string_view bytes) {
  const std::optional<size_t> taken = TakeFrames(bytes);
  // Once for a thousand of them.
  if (std::exchange(subscriptions_changed_, false)) listener_.OnSubscriptions(*this);
  return taken;
}

std::optional<size_t> Session::TakeFrames(std::string_view bytes) {
  size_t taken = 0;
  Frame frame;
  while (true) {
    switch (NextFrame(bytes.substr(taken), frame)) {
      case Framing::kIncomplete:
        return taken;
      case Framing::kMalformed:
        Fail("malformed packet", kMalformedPacket);
        return std::nullopt;
      case Framing::kFrame:
        break;
    }
    if (frame.type == PacketType::kDisconnect) return std::nullopt;
    if (!OnFrame(frame)) return std::nullopt;
    taken += frame.size;
  }
}

void Session::ReportConfirmed() {
  if (confirmed_ == 0) return;
  listener_.OnConfirmed(*this, confirmed_);
  confirmed_ = 0;
}

bool Session::OnFrame(const Frame& frame) {
  if (connected_ == (frame.type == PacketType::kConnect)) return Fail("CONNECT must come first, once", kProtocolError);
  switch (frame.type) {
    case PacketType::kConnect:
      return OnConnect(frame);
    case PacketType::kPublish:
      return OnPublishFrame(frame);
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubrel:
    case PacketType::kPubcomp:
      return OnAck(frame);
    case PacketType::kSubscribe:
      return OnSubscribe(frame);
    case PacketType::kUnsubscribe:
      return OnUnsubscribe(frame);
    case PacketType::kPingreq:
      AppendEmpty(out_, PacketType::kPingresp);
      return true;
    default:
      return Fail("unexpected packet type", kProtocolError);
  }
}

bool Session::OnConnect(const Frame& frame) {
  const std::optional<ConnectPacket> packet = DecodeConnect(frame);
  if (!packet) return Fail("malformed CONNECT", kMalformedPacket);
  connected_ = true;
  mqtt5_ = packet->mqtt5;
  window_ = std::min(window_, packet->receive_maximum);
  AppendConnack(out_, mqtt5_, 0, inbound_window_);
  return true;
}

bool Session::OnPublishFrame(const Frame& frame) {
  if (!DecodePublish(frame, mqtt5_, inbound_)) return Fail("malformed PUBLISH", kMalformedPacket);
  if (inbound_.qos == 2) {
    if (unreleased_.empty()) unreleased_.resize(kPacketIds);
    AppendAck(out_, PacketType::kPubrec, inbound_.packet_id);
    if (unreleased_[inbound_.packet_id]) return true;  // Sent again.
    unreleased_[inbound_.packet_id] = true;
    if (++unreleased_count_ > inbound_window_ && mqtt5_) {
      return Fail("Receive Maximum exceeded", kReceiveMaximumExceeded);
    }
  } else if (inbound_.qos == 1) {
    AppendAck(out_, PacketType::kPuback, inbound_.packet_id);
  }
  listener_.OnPublish(*this, inbound_);
  return true;
}

bool Session::OnAck(const Frame& frame) {
  const std::optional<AckPacket> packet = DecodeAck(frame);
  if (!packet) return Fail("malformed acknowledgement", kMalformedPacket);
  const uint16_t id = packet->packet_id;
  if (frame.type == PacketType::kPubrel) {
    AppendAck(out_, PacketType::kPubcomp, id);
    if (!unreleased_.empty() && unreleased_[id]) {
      unreleased_[id] = false;
      --unreleased_count_;
    }
    return true;
  }
  const OutState state = out_states_.empty() ? OutState::kFree : out_states_[id];
  const OutState expected = frame.type == PacketType::kPuback   ? OutState::kWaitsForPuback
                            : frame.type == PacketType::kPubrec ? OutState::kWaitsForPubrec
                                                                : OutState::kWaitsForPubcomp;
  if (state != expected) return Fail("acknowledgement of what was not sent", kProtocolError);
  if (frame.type == PacketType::kPubrec && packet->reason_code < 0x80) {
    out_states_[id] = OutState::kWaitsForPubcomp;
    AppendAck(out_, PacketType::kPubrel, id);
  } else {
    Free(id);
  }
  return true;
}

void Session::Free(uint16_t packet_id) {
  out_states_[packet_id] = OutState::kFree;
  --in_flight_;
  ++confirmed_;
}

bool Session::OnSubscribe(const Frame& frame) {
  std::optional<FiltersPacket> packet = DecodeFilters(frame, mqtt5_);
  if (!packet) return Fail("malformed SUBSCRIBE", kMalformedPacket);
  std::string granted;
  for (TopicFilter& filter : packet->filters) {
    if (filter.qos > 2) return Fail("SUBSCRIBE with QoS 3", kProtocolError);
    granted.push_back(static_cast<char>(filter.qos));
    std::erase_if(subscriptions_, [&](const Subscription& s) { return s.filter.filter == filter.filter; });
    subscriptions_.push_back({std::move(filter), packet->subscription_id});
  }
  AppendSuback(out_, packet->packet_id, granted, mqtt5_);
  subscriptions_changed_ = true;
  return true;
}

bool Session::OnUnsubscribe(const Frame& frame) {
  const std::optional<FiltersPacket> packet = DecodeFilters(frame, mqtt5_);
  if (!packet) return Fail("malformed UNSUBSCRIBE", kMalformedPacket);
  std::string reasons;
  for (const TopicFilter& filter : packet->filters) {
    const size_t erased =
        std::erase_if(subscriptions_, [&](const Subscription& s) { return s.filter.filter == filter.filter; });
    reasons.push_back(static_cast<char>(erased > 0 ? 0 : kNoSubscriptionExisted));
  }
  AppendUnsuback(out_, packet->packet_id, reasons, mqtt5_);
  subscriptions_changed_ = true;
  return true;
}

bool Session::Fail(std::string_view error, uint8_t reason_code) {
  error_ = error;
  if (mqtt5_) AppendDisconnect(out_, reason_code);
  return false;
}

std::optional<Session::Template> Session::MakeTemplate(std::string_view topic, std::string_view payload,
                                                       uint8_t qos) const {
  PublishPacket packet;
  bool matched = false;
  uint8_t granted = 0;
  for (const Subscription& subscription : subscriptions_) {
    if (!Matches(WithoutShare(subscription.filter.filter), topic)) continue;
    matched = true;
    granted = std::max(granted, subscription.filter.qos);
    if (subscription.id != 0) packet.subscription_ids.push_back(subscription.id);
  }
  if (!matched) return std::nullopt;
  Template made;
  made.qos = packet.qos = std::min(granted, qos);
  packet.topic = topic;
  packet.payload = payload;
  made.layout = AppendPublish(made.bytes, packet, mqtt5_);
  return made;
}

uint16_t Session::NextPacketId() {
  do {
    ++last_packet_id_;
  } while (last_packet_id_ == 0 || out_states_[last_packet_id_] != OutState::kFree);
  return last_packet_id_;
}

void Session::Publish(const Template& publish, std::string_view prefix) {
  const size_t start = out_.size();
  out_.append(publish.bytes);
  std::memcpy(out_.data() + start + publish.layout.payload, prefix.data(), prefix.size());
  if (publish.qos == 0) return;
  if (out_states_.empty()) out_states_.resize(kPacketIds, OutState::kFree);
  const uint16_t id = NextPacketId();
  out_states_[id] = publish.qos == 1 ? OutState::kWaitsForPuback : OutState::kWaitsForPubrec;
  ++in_flight_;
  StoreU16(out_.data() + start + publish.layout.packet_id, id);
}

}  // namespace sluice::bench
