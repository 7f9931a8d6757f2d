#include "server/mqtt/protocol/client.h"

#include <algorithm>
#include <utility>

#include "server/message/topic.h"
#include "server/message/utf8.h"
#include "server/mqtt/protocol/acks.h"
#include "server/mqtt/protocol/bad_packets.h"
#include "server/mqtt/protocol/connect.h"
#include "server/mqtt/protocol/disconnect.h"
#include "server/mqtt/protocol/fault.h"
#include "server/mqtt/protocol/inbound_flow.h"
#include "server/mqtt/protocol/outbound_flow.h"
#include "server/mqtt/protocol/packet.h"
#include "server/mqtt/protocol/packet_ids.h"
#include "server/mqtt/protocol/publish.h"
#include "server/mqtt/protocol/subscribe.h"
#include "server/mqtt/protocol/topic_aliases.h"

namespace sluice::wire {
namespace {

constexpr size_t kSmallestPacket = 2;
// So often a packet may end a connection before it is passed over.
constexpr size_t kPatience = 2;

enum class Phase : uint8_t {
  kOffline,
  kConnecting,  // CONNECT is sent.
  kConnected,
  kFailing,  // As kEnded after an error, but that acknowledgements and a DISCONNECT may still go out.
  kEnded,    // Refused, failed or disconnected: nothing is sent or taken in any more.
};

}  // namespace

struct Client::State {
  explicit State(ConnectOptions connect_options)
      : options(std::move(connect_options)),
        ids(options.first_packet_id),
        inbound(options.mqtt5),
        outbound(options.mqtt5, ids) {}

  // Each takes in one packet.
  Fault Dispatch(const FixedHeader& header, std::string_view body, ClientEvents& events);
  Fault ReceiveConnack(std::string_view body, ClientEvents& events);
  Fault ReceivePublish(const FixedHeader& header, std::string_view body, ClientEvents& events);
  Fault ReceiveAck(const FixedHeader& header, std::string_view body, ClientEvents& events);
  Fault ReceiveDisconnect(std::string_view body, ClientEvents& events);

  void DiscardSession() {
    inbound.DiscardSession();
    outbound.DiscardSession();
  }

  Fault CheckHeader(const FixedHeader& header) const;
  uint32_t packet_limit() const { return options.packet_limit == 0 ? options.max_packet_bytes : options.packet_limit; }
  bool TooLargeAPublish(const FixedHeader& header) const {
    return header.type == PacketType::kPublish && header.packet_size() > packet_limit();
  }
  Fault ReceiveOversized(ClientEvents& events);
  // The PUBLISH at hand is wrong inside. `size`: of the packet, of which `bytes` may be the front.
  Fault TakeBadPublish(std::string_view bytes, size_t size, const Fault& fault, ClientEvents& events);
  // The same of another packet, without consequences.
  static void TellPassedOver(const FixedHeader& header, std::string_view packet, const Fault& fault,
                             ClientEvents& events);
  // `times`: how often these bytes have come. `astray`: the fixed header is wrong.
  ProtocolError Fail(const FixedHeader& header, const Fault& fault, size_t times, bool astray);

  ConnectOptions options;
  std::string output;

  // Of the connection.
  Phase phase = Phase::kOffline;
  bool accepted = false;  // CONNACK has accepted.
  bool passing_over = false;
  Connack connack;
  bool ping_outstanding = false;
  TopicAliases aliases;
  wire::Publish publish;        // Its memory is used for each PUBLISH.
  std::string_view last_topic;  // Of the last PUBLISH that this Receive() took in.
  Oversized oversized;
  uint8_t error_reason = 0;  // Of kFailing.

  // Of the session, and what of it belongs to the connection.
  bool connect_unanswered = false;  // Since the last CONNACK that accepted.
  RepeatedBytes repeated;
  bool was_connected = false;
  PacketIds ids;
  InboundFlow inbound;
  OutboundFlow outbound;
};

Client::Client(ConnectOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Client::~Client() = default;

// ---------------------------------------------------------------------------------------------- the connection

void Client::Connect() {
  state_->phase = Phase::kConnecting;
  state_->accepted = false;
  if (state_->options.clean_start) state_->DiscardSession();  // MQTT-3.1.2-4; 3.1.1: MQTT-3.1.2-6.
  state_->aliases.Begin(state_->options.topic_alias_maximum);
  const ConnectOptions& options = state_->options;
  state_->inbound.Begin(options.receive_limit == 0 ? options.receive_maximum : options.receive_limit);
  AppendConnect(state_->output, state_->options);
}

ConnectOptions& Client::options() { return state_->options; }

void Client::ConnectionLost() {
  if (state_->phase == Phase::kConnecting) state_->connect_unanswered = true;
  state_->phase = Phase::kOffline;
  state_->passing_over = false;
  state_->output.clear();
  state_->ping_outstanding = false;
  state_->inbound.ConnectionLost();
  state_->oversized.Reset();
  FreeRequests(state_->ids);
}

std::string& Client::output() { return state_->output; }
bool Client::connected() const { return state_->phase == Phase::kConnected; }
const Connack& Client::connack() const { return state_->connack; }

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
        progress.error = state_->Fail({.type = PacketType::kPublish}, fault, /*times=*/1, /*astray=*/false);
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
    if (!fault) fault = state_->CheckHeader(header);
    if (fault) {
      const std::string_view front = rest.substr(0, header.size == 0 ? kLongestFixedHeader : header.size);
      progress.error = state_->Fail(header, fault, state_->repeated.Count(header, front), /*astray=*/true);
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
    fault = state_->Dispatch(header, packet.substr(header.size), events);
    if (fault) {
      const bool farewell = state_->phase == Phase::kEnded;
      const size_t times = farewell ? 1 : state_->repeated.Count(header, packet);
      const bool awaited = header.type != PacketType::kPubrel && header.type != PacketType::kPingresp &&
                           header.type != PacketType::kAuth;
      if (awaited || times <= kPatience) {
        progress.error = state_->Fail(header, fault, times, /*astray=*/false);
        break;
      }
      State::TellPassedOver(header, packet, fault, events);
    }
    progress.consumed += header.packet_size();
  }
  // Whatever else the broker sent is of no interest.
  progress.consumed = bytes.size();
  progress.wanted = kSmallestPacket;
  return progress;
}

ProtocolError Client::State::Fail(const FixedHeader& header, const Fault& fault, size_t times, bool astray) {
  if (phase != Phase::kEnded) phase = Phase::kFailing;
  error_reason = fault->reason;
  ProtocolError error{
      .reason = fault->reason, .text = std::string(PacketName(header.type)) + ": " + fault->text, .kind = fault->kind};
  if (astray) error.topic_before = Readable(last_topic);
  if (times > 1) error.text += "; the same bytes have ended " + std::to_string(times) + " connections";
  return error;
}

void Client::EndAfterError() {
  if (state_->phase != Phase::kFailing) return;
  // MQTT 5.0 §4.13.1: DISCONNECT says why; not before CONNACK (§3.14), and not in answer to a DISCONNECT. With MQTT
  // 3.1.1 it would mean a clean end, and the broker would drop the will.
  if (state_->options.mqtt5 && state_->accepted) AppendDisconnect(state_->output, state_->error_reason, std::nullopt);
  state_->phase = Phase::kEnded;
}

bool Client::passing_by() const { return state_->oversized.active(); }

std::string Client::Unfinished(std::string_view bytes) {
  FixedHeader header;
  if (ReadFixedHeader(bytes, header) || header.size == 0) return "packet";
  std::string text(PacketName(header.type));
  Reader reader(bytes.substr(header.size));
  const std::string_view topic = header.type == PacketType::kPublish ? reader.Prefixed() : std::string_view();
  if (!topic.empty()) text += " to '" + Readable(topic) + "'";
  return text + " of " + std::to_string(header.packet_size()) + " bytes";
}

Fault Client::State::CheckHeader(const FixedHeader& header) const {
  if (Fault fault = CheckFixedHeader(header, options.mqtt5, packet_limit())) return fault;
  const bool is_connack = header.type == PacketType::kConnack;
  if (phase == Phase::kConnecting && !is_connack) return Violation("comes before CONNACK");  // MQTT-3.2.0-1.
  if (phase == Phase::kConnected && is_connack) return Violation("comes a second time");     // MQTT-3.2.0-2.
  return {};
}

Fault Client::State::Dispatch(const FixedHeader& header, std::string_view body, ClientEvents& events) {
  switch (header.type) {
    case PacketType::kPublish:
      return ReceivePublish(header, body, events);
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubrel:
    case PacketType::kPubcomp:
      return ReceiveAck(header, body, events);
    case PacketType::kConnack:
      return ReceiveConnack(body, events);
    case PacketType::kSuback:
      return ReceiveSuback(body, options.mqtt5, ids, events);
    case PacketType::kUnsuback:
      return ReceiveUnsuback(body, options.mqtt5, ids, events);
    case PacketType::kPingresp:
      if (!body.empty()) return Malformed("is longer than its fields");
      ping_outstanding = false;
      events.OnPingresp();
      return {};
    case PacketType::kDisconnect:
      return ReceiveDisconnect(body, events);
    case PacketType::kAuth:
      return Violation("no authentication method was asked for");  // MQTT-4.12.0-6.
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
      if (connect_unanswered) inbound.DiscardSession();
      if (options.releases_inherited_ids && (connect_unanswered || !was_connected)) outbound.Inherit();
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
  Fault fault =
      TakeBadPublish(oversized.front(), header.packet_size(), TooLarge(header, options.max_packet_bytes), events);
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

void Client::State::TellPassedOver(const FixedHeader& header, std::string_view packet, const Fault& fault,
                                   ClientEvents& events) {
  events.OnBadPacket({.name = PacketName(header.type),
                      .kind = fault->kind,
                      .text = fault->text,
                      .bytes = packet,
                      .size = packet.size()});
}

Fault Client::State::ReceiveAck(const FixedHeader& header, std::string_view body, ClientEvents& events) {
  const PacketType type = header.type;
  Ack ack;
  Fault passed_over;
  if (Fault fault = DecodeAck(type, body, options.mqtt5, ack, passed_over)) return fault;
  if (passed_over) TellPassedOver(header, {body.data() - header.size, header.packet_size()}, passed_over, events);
  switch (type) {
    case PacketType::kPuback:
      return outbound.ReceivePuback(ack, events);
    case PacketType::kPubrec:
      return outbound.ReceivePubrec(ack, output, events);
    case PacketType::kPubrel:
      if (Fault fault = inbound.ReceivePubrel(ack, output)) return fault;
      events.OnReleased(ack.packet_id);
      return {};
    default:
      return outbound.ReceivePubcomp(ack, events);
  }
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

// ---------------------------------------------------------------------------------------------- taking in

void Client::Remember(std::span<const uint16_t> packet_ids) { state_->inbound.Remember(packet_ids); }
void Client::AcceptAll() { state_->inbound.AcceptAll(); }
void Client::AcknowledgeAccepted() {
  // After an error, too: what came before it is not to come again.
  const bool may_send = connected() || (state_->phase == Phase::kFailing && state_->accepted);
  if (may_send) state_->inbound.AcknowledgeAccepted(state_->output);
}
void Client::PassOver() { state_->passing_over = true; }
size_t Client::unacknowledged() const { return state_->inbound.unacknowledged(); }

// ---------------------------------------------------------------------------------------------- publishing

bool Client::Publish(uint64_t token, const OutboundMessage& message, std::optional<uint32_t> expiry_s) {
  return connected() && state_->outbound.Publish(token, message, expiry_s, state_->output);
}
size_t Client::unconfirmed() const { return state_->outbound.unconfirmed(); }

// ---------------------------------------------------------------------------------------------- the rest

uint16_t Client::Subscribe(std::span<const SubscribeRequest> requests) {
  if (!connected() || requests.empty()) return 0;
  return SendSubscribe(requests, state_->options.mqtt5, state_->ids, state_->output);
}

uint16_t Client::Unsubscribe(std::span<const std::string_view> filters) {
  if (!connected() || filters.empty()) return 0;
  return SendUnsubscribe(filters, state_->options.mqtt5, state_->ids, state_->output);
}

void Client::Ping() {
  if (!connected()) return;
  AppendFixedHeader(state_->output, PacketType::kPingreq, 0, 0);
  state_->ping_outstanding = true;
}

bool Client::ping_outstanding() const { return state_->ping_outstanding; }

void Client::Disconnect(uint8_t reason, std::optional<uint32_t> session_expiry_s) {
  if (!connected()) return;
  state_->phase = Phase::kEnded;
  if (state_->options.mqtt5) {
    // MQTT 5.0 §3.14.2.2.2: not where CONNECT asked for none.
    if (state_->options.session_expiry_s == 0) session_expiry_s.reset();
    AppendDisconnect(state_->output, reason, session_expiry_s);
  } else if (reason == 0) {
    AppendDisconnect(state_->output);
  }
}

}  // namespace sluice::wire
