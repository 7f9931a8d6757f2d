#include "server/mqtt/protocol/client.h"

#include <algorithm>
#include <utility>

#include "server/mqtt/protocol/acks.h"
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

enum class Phase : uint8_t {
  kOffline,
  kConnecting,  // CONNECT is sent.
  kConnected,
  kEnded,  // Refused, failed or disconnected: nothing is sent or taken in any more.
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
  Fault ReceiveAck(PacketType type, std::string_view body, ClientEvents& events);
  Fault ReceiveDisconnect(std::string_view body, ClientEvents& events);

  void DiscardSession() {
    inbound.DiscardSession();
    outbound.DiscardSession();
  }

  Fault CheckHeader(const FixedHeader& header) const;
  ProtocolError End(const FixedHeader& header, const Fault& fault);

  ConnectOptions options;
  std::string output;

  // Of the connection.
  Phase phase = Phase::kOffline;
  Connack connack;
  bool ping_outstanding = false;
  TopicAliases aliases;
  wire::Publish publish;  // Its memory is used for each PUBLISH.

  // Of the session, and what of it belongs to the connection.
  bool connect_unanswered = false;  // Since the last CONNACK that accepted.
  PacketIds ids;
  InboundFlow inbound;
  OutboundFlow outbound;
};

Client::Client(ConnectOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Client::~Client() = default;

// ---------------------------------------------------------------------------------------------- the connection

void Client::Connect() {
  state_->phase = Phase::kConnecting;
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
  state_->output.clear();
  state_->ping_outstanding = false;
  state_->inbound.ConnectionLost();
  FreeRequests(state_->ids);
}

std::string& Client::output() { return state_->output; }
bool Client::connected() const { return state_->phase == Phase::kConnected; }
const Connack& Client::connack() const { return state_->connack; }

Client::Progress Client::Receive(std::string_view bytes, ClientEvents& events) {
  Progress progress;
  while (state_->phase == Phase::kConnecting || state_->phase == Phase::kConnected) {
    const std::string_view rest = bytes.substr(progress.consumed);
    FixedHeader header;
    Fault fault = ReadFixedHeader(rest, state_->options.mqtt5, header);
    if (!fault && header.size == 0) {
      progress.wanted = std::max(kSmallestPacket, rest.size() + 1);
      return progress;
    }
    if (!fault) fault = state_->CheckHeader(header);
    if (!fault && rest.size() < header.packet_size()) {
      progress.wanted = header.packet_size();
      return progress;
    }
    if (!fault) fault = state_->Dispatch(header, rest.substr(header.size, header.body_size), events);
    if (fault) {
      progress.error = state_->End(header, fault);
      break;
    }
    progress.consumed += header.packet_size();
  }
  // Whatever else the broker sent is of no interest.
  progress.consumed = bytes.size();
  progress.wanted = kSmallestPacket;
  return progress;
}

ProtocolError Client::State::End(const FixedHeader& header, const Fault& fault) {
  // MQTT 5.0 §4.13.1: DISCONNECT says why; not before CONNACK (§3.14), and not in answer to a DISCONNECT. With MQTT
  // 3.1.1 it would mean a clean end, and the broker would drop the will.
  if (options.mqtt5 && phase == Phase::kConnected) AppendDisconnect(output, fault->reason, std::nullopt);
  phase = Phase::kEnded;
  return {.reason = fault->reason, .text = std::string(PacketName(header.type)) + ": " + fault->text};
}

Fault Client::State::CheckHeader(const FixedHeader& header) const {
  if (Fault fault = CheckFixedHeader(header, options.mqtt5, options.max_packet_bytes)) return fault;
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
      return ReceiveAck(header.type, body, events);
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
    if (connack.session_present) {
      // It may be one that an unanswered CONNECT began: better a message twice than one taken for a duplicate.
      if (connect_unanswered) inbound.DiscardSession();
      outbound.Resume(output);
    } else {
      DiscardSession();
    }
    connect_unanswered = false;
  }
  events.OnConnack(connack);
  return {};
}

Fault Client::State::ReceivePublish(const FixedHeader& header, std::string_view body, ClientEvents& events) {
  std::optional<uint16_t> alias;
  if (Fault fault = DecodePublish(header, body, options.mqtt5, publish, alias)) return fault;
  if (alias) {
    if (Fault fault = aliases.Resolve(*alias, publish)) return fault;
  }
  bool fresh = false;
  if (Fault fault = inbound.ReceivePublish(publish, fresh)) return fault;
  if (fresh) events.OnPublish(publish);
  return {};
}

Fault Client::State::ReceiveAck(PacketType type, std::string_view body, ClientEvents& events) {
  Ack ack;
  if (Fault fault = DecodeAck(type, body, options.mqtt5, ack)) return fault;
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
  if (!disconnected.reason_string.empty()) text += ": " + std::string(disconnected.reason_string);
  return {disconnected.reason, std::move(text)};
}

// ---------------------------------------------------------------------------------------------- taking in

void Client::Remember(std::span<const uint16_t> packet_ids) { state_->inbound.Remember(packet_ids); }
void Client::AcceptAll() { state_->inbound.AcceptAll(); }
void Client::AcknowledgeAccepted() {
  if (connected()) state_->inbound.AcknowledgeAccepted(state_->output);
}
size_t Client::unacknowledged() const { return state_->inbound.unacknowledged(); }

// ---------------------------------------------------------------------------------------------- publishing

bool Client::Publish(uint64_t token, const OutboundMessage& message) {
  return connected() && state_->outbound.Publish(token, message, state_->output);
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
