#include <algorithm>
#include <utility>

#include "server/message/topic.h"
#include "server/message/utf8.h"
#include "server/mqtt/protocol/acks.h"
#include "server/mqtt/protocol/client_state.h"
#include "server/mqtt/protocol/connect.h"
#include "server/mqtt/protocol/disconnect.h"
#include "server/mqtt/protocol/publish.h"
#include "server/mqtt/protocol/subscribe.h"

namespace sluice::wire {
namespace {

constexpr size_t kSmallestPacket = 2;
// So often a fixed header may end a connection before it is got past.
constexpr size_t kPatience = 2;
// An identifier and a few codes.
constexpr size_t kMostGotPast = 8;

}  // namespace

Client::Progress Client::Receive(std::string_view bytes, ClientEvents& events) {
  Progress progress;
  state_->last_topic = {};
  while (state_->phase == Phase::kConnecting || state_->phase == Phase::kConnected) {
    const std::string_view rest = bytes.substr(progress.consumed);
    if (state_->oversized.active()) {
      progress.consumed += state_->oversized.Pass(rest);
      if (state_->oversized.active()) {
        progress.wanted = kSmallestPacket;
        return progress;
      }
      if (Fault fault = state_->ReceiveOversized(events)) {
        progress.error = state_->Fail({.type = PacketType::kPublish}, fault, /*times=*/1, /*unframed=*/false);
        break;
      }
      continue;
    }
    FixedHeader header;
    Fault fault = ReadFixedHeader(rest, header);
    if (!fault && header.size == 0) {
      progress.wanted = std::max(kSmallestPacket, rest.size() + 1);
      return progress;
    }
    const std::string_view front = rest.substr(0, header.size == 0 ? kLongestFixedHeader : header.size);
    bool known = false;
    if (!fault) fault = state_->CheckHeader(header, front, known);
    if (fault && !known) {
      progress.error = state_->Fail(header, fault, state_->repeated.Count(header, front), /*unframed=*/true);
      break;
    }
    const bool too_large = state_->TooLargeAPublish(header);
    const size_t needed = too_large ? Oversized::FrontBytes(header) : header.packet_size();
    if (rest.size() < needed) {
      progress.wanted = needed;
      return progress;
    }
    const std::string_view packet = rest.substr(0, needed);
    if (too_large) {
      state_->oversized.Begin(header, packet);
      continue;
    }
    const std::string_view body = packet.substr(header.size);
    if (known) State::TellPassedOver(header, body, fault, /*astray=*/false, events);
    fault = known && !state_->MayComeNow(header) ? Fault() : state_->Dispatch(header, body, events);
    if (fault) {
      const bool farewell = state_->phase == Phase::kEnded;
      const size_t times = farewell ? 1 : state_->repeated.Count(header, packet);
      progress.error = state_->Fail(header, fault, times, /*unframed=*/false);
      break;
    }
    progress.consumed += header.packet_size();
  }
  // Whatever else the broker sent is of no interest.
  progress.consumed = bytes.size();
  progress.wanted = kSmallestPacket;
  return progress;
}

ProtocolError Client::State::Fail(const FixedHeader& header, const Fault& fault, size_t times, bool unframed) {
  if (phase != Phase::kEnded) phase = Phase::kFailing;
  error_reason = fault->reason;
  ProtocolError error{
      .reason = fault->reason, .text = std::string(PacketName(header.type)) + ": " + fault->text, .kind = fault->kind};
  if (unframed) error.topic_before = Readable(last_topic);
  if (times > 1) error.text += "; the same bytes have ended " + std::to_string(times) + " connections";
  return error;
}

Fault Client::State::CheckOrder(const FixedHeader& header) const {
  const bool is_connack = header.type == PacketType::kConnack;
  // Of AUTH the body says more than that it comes too early: see Dispatch().
  if (phase == Phase::kConnecting && !is_connack && header.type != PacketType::kAuth)
    return Violation("comes before CONNACK");                                             // MQTT-3.2.0-1.
  if (phase == Phase::kConnected && is_connack) return Violation("comes a second time");  // MQTT-3.2.0-2.
  return {};
}

bool Client::State::MayComeNow(const FixedHeader& header) const {
  return FromServer(header.type, options.mqtt5) && !CheckOrder(header);
}

Fault Client::State::CheckHeader(const FixedHeader& header, std::string_view front, bool& known) const {
  Fault fault = CheckFixedHeader(header, options.mqtt5, packet_limit());
  if (!fault) fault = CheckOrder(header);
  // Before CONNACK it is another protocol, or a broker that is none. A larger packet, or type 0, is rather what follows a
  // wrong length: to go on there would be to take somebody's payload for packets.
  known = fault && phase == Phase::kConnected && header.type != PacketType{0} && header.body_size <= kMostGotPast &&
          repeated.Counted(header, front) >= kPatience;
  return fault;
}

Fault Client::State::Dispatch(const FixedHeader& header, std::string_view body, ClientEvents& events) {
  switch (header.type) {
    case PacketType::kPublish:
      return ReceivePublish(header, body, events);
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubrel:
    case PacketType::kPubcomp:
      ReceiveAck(header, body, events);
      return {};
    case PacketType::kConnack:
      return ReceiveConnack(body, events);
    case PacketType::kSuback:
    case PacketType::kUnsuback:
      ReceiveAnswer(header, body, events);
      return {};
    case PacketType::kPingresp:
      if (!body.empty()) {
        const Fault fault = Malformed("is longer than its fields", FaultKind::kLength);
        TellPassedOver(header, body, fault, /*astray=*/false, events);
      }
      ping_outstanding = false;
      events.OnPingresp();
      return {};
    case PacketType::kDisconnect:
      return ReceiveDisconnect(body, events);
    case PacketType::kAuth: {  // MQTT-4.12.0-6. Once connected nothing depends on it.
      Fault fault = Violation(DescribeAuth(body));
      if (phase == Phase::kConnecting) return fault;
      TellPassedOver(header, body, fault, /*astray=*/false, events);
      return {};
    }
    default:
      return Violation("no broker may send it");
  }
}

Fault Client::State::ReceiveConnack(std::string_view body, ClientEvents& events) {
  Connack decoded;
  if (Fault fault = DecodeConnack(body, options, decoded)) return fault;
  connack = std::move(decoded);
  if (connack.code != 0) {
    phase = Phase::kEnded;
  } else {
    phase = Phase::kConnected;
    accepted = true;
    if (connack.session_present) {
      // It may be one that an unanswered CONNECT began: better a message twice than one taken for a duplicate.
      if (connect_unanswered || options.foreign_session) inbound.DiscardSession();
      if (options.foreign_session) outbound.DiscardSession();
      const bool inherited = connect_unanswered || options.foreign_session || !was_connected;
      if (options.releases_inherited_ids && inherited) outbound.Inherit();
      outbound.Resume(output);
    } else {
      DiscardSession();
    }
    connect_unanswered = false;
    was_connected = true;
  }
  events.OnConnack(connack);
  return {};
}

Fault Client::State::ReceivePublish(const FixedHeader& header, std::string_view body, ClientEvents& events) {
  std::optional<uint16_t> alias;
  Fault wrong = DecodePublish(header, body, options.mqtt5, publish, alias);
  if (!wrong && alias) wrong = aliases.Resolve(*alias, publish);
  if (passing_over) return {};
  if (wrong) {
    // What follows may refer to the alias.
    if (alias && CheckTopicName(publish.topic).ok()) (void)aliases.Resolve(*alias, publish);
    return TakeBadPublish({body.data() - header.size, header.packet_size()}, header.packet_size(), wrong, events);
  }
  last_topic = publish.topic;
  bool fresh = false;
  if (Fault fault = inbound.ReceivePublish(publish, fresh)) return fault;
  if (fresh) events.OnPublish(publish);
  return {};
}

Fault Client::State::ReceiveOversized(ClientEvents& events) {
  const FixedHeader& header = oversized.header();
  std::optional<uint16_t> alias;
  // Only for its topic and packet identifier: what is wrong is the size.
  (void)DecodePublish(header, oversized.front().substr(header.size), options.mqtt5, publish, alias);
  Fault fault = TakeBadPublish(oversized.front(), header.packet_size(), TooLarge(header, packet_limit()), events);
  oversized.Reset();
  last_topic = {};
  return fault;
}

Fault Client::State::TakeBadPublish(std::string_view bytes, size_t size, const Fault& fault, ClientEvents& events) {
  if (passing_over) return {};
  bool fresh = true;
  const bool acknowledged = publish.qos != Qos::kAtMostOnce && publish.packet_id != 0;
  if (acknowledged) {
    if (Fault flow = inbound.ReceivePublish(publish, fresh)) return flow;
  }
  last_topic = publish.topic;
  if (!fresh) return {};
  FixedHeader header{.type = PacketType::kPublish};
  const bool again = publish.qos != Qos::kAtMostOnce && !acknowledged && repeated.Count(header, bytes) > 1;
  events.OnBadPacket({.name = PacketName(PacketType::kPublish),
                      .kind = fault->kind,
                      .text = fault->text,
                      .bytes = bytes,
                      .size = size,
                      .is_publish = true,
                      .topic = publish.topic,
                      .qos = publish.qos,
                      .retain = publish.retain,
                      .dup = publish.dup,
                      .packet_id = publish.packet_id,
                      .seen_before = again});
  return {};
}

void Client::State::TellPassedOver(const FixedHeader& header, std::string_view body, const Fault& fault, bool astray,
                                   ClientEvents& events) {
  events.OnBadPacket({.name = PacketName(header.type),
                      .kind = fault->kind,
                      .text = fault->text,
                      .bytes = {body.data() - header.size, header.packet_size()},
                      .size = header.packet_size(),
                      .astray = astray});
}

void Client::State::ReceiveAck(const FixedHeader& header, std::string_view body, ClientEvents& events) {
  Ack ack;
  Fault wrong;
  const bool astray = header.type != PacketType::kPubrel;
  Fault fault = DecodeAck(header.type, body, options.mqtt5, ack, wrong);
  if (!fault && wrong) TellPassedOver(header, body, wrong, /*astray=*/false, events);
  if (!fault) {
    switch (header.type) {
      case PacketType::kPuback:
        fault = outbound.ReceivePuback(ack, events);
        break;
      case PacketType::kPubrec:
        fault = outbound.ReceivePubrec(ack, output, events);
        break;
      case PacketType::kPubrel:
        fault = inbound.ReceivePubrel(ack, output);
        if (!fault) events.OnReleased(ack.packet_id);
        break;
      default:
        fault = outbound.ReceivePubcomp(ack, events);
        break;
    }
  }
  if (fault) TellPassedOver(header, body, fault, astray, events);
}

void Client::State::ReceiveAnswer(const FixedHeader& header, std::string_view body, ClientEvents& events) {
  const auto receive = header.type == PacketType::kSuback ? &ReceiveSuback : &ReceiveUnsuback;
  const WrongAnswer wrong = receive(body, options.mqtt5, ids, events);
  if (wrong.fault) TellPassedOver(header, body, wrong.fault, wrong.astray, events);
}

Fault Client::State::ReceiveDisconnect(std::string_view body, ClientEvents& events) {
  Disconnected disconnected;
  if (Fault fault = DecodeDisconnect(body, disconnected)) return fault;
  phase = Phase::kEnded;
  events.OnDisconnect(disconnected);
  std::string text = "from the broker";
  // Of up to 64 KiB, as much as people read.
  if (!disconnected.reason_string.empty()) text += ": " + std::string(CutUtf8(disconnected.reason_string, 200));
  return {disconnected.reason, std::move(text)};
}

}  // namespace sluice::wire
