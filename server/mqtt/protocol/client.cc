#include "server/mqtt/protocol/client.h"

#include <utility>

#include "server/message/utf8.h"
#include "server/mqtt/protocol/client_state.h"
#include "server/mqtt/protocol/connect.h"
#include "server/mqtt/protocol/disconnect.h"
#include "server/mqtt/protocol/packet.h"
#include "server/mqtt/protocol/subscribe.h"

namespace sluice::wire {
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

// ---------------------------------------------------------------------------------------------- taking in

void Client::Remember(std::span<const uint16_t> packet_ids) { state_->inbound.Remember(packet_ids); }
void Client::Accept(uint64_t count) { state_->inbound.Accept(count); }
uint64_t Client::received() const { return state_->inbound.received(); }
void Client::WithholdCompletions() { state_->inbound.WithholdCompletions(); }
void Client::Complete(size_t count) {
  if (connected()) state_->inbound.Complete(count, state_->output);
}
void Client::KeepInDoubt(std::span<const uint16_t> packet_ids) { state_->inbound.KeepInDoubt(packet_ids); }
void Client::Resolve(std::span<const uint16_t> packet_ids, bool taken) { state_->inbound.Resolve(packet_ids, taken); }
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

void Client::Forget(uint16_t packet_id) { ForgetRequest(state_->ids, packet_id); }

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
