#include "server/route/router.h"

#include <utility>

#include "server/message/topic.h"
#include "server/route/ordering_key.h"
#include "server/route/processors.h"
#include "server/route/target.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr Millis kLogInterval{10'000};
constexpr SteadyTime kNotRead{};

// Names of Router::Drop, in its order.
constexpr std::string_view kDropNames[] = {"invalid_topic", "invalid_properties", "expired", "no_route", "no_chain"};

// What goes to workers as text must be text: one frame with other bytes in it could not be read at all.
absl::Status CheckProperties(const Properties& properties) {
  if (absl::Status status = CheckMqttString(properties.content_type); !status.ok()) return status;
  if (absl::Status status = CheckMqttString(properties.response_topic); !status.ok()) return status;
  for (const auto& [name, value] : properties.user) {
    if (absl::Status status = CheckMqttString(name); !status.ok()) return status;
    if (absl::Status status = CheckMqttString(value); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

Router::Router(const MqttOptions& connection, std::span<const ReceivedPacket> unreleased,
               const SubscriptionGroup& group, ChainDirectory& chains, Journal& journal, RoutedSink& next,
               MetricsRegistry& metrics, const Clock& clock)
    : connection_(connection.name),
      session_(connection.name + " " + connection.client_id + " " + connection.uri),
      index_(group),
      chains_(chains),
      journal_(journal),
      next_(next),
      clock_(clock) {
  for (size_t qos = 0; qos < received_.size(); ++qos) {
    received_[qos] = &metrics.GetCounter("sluice_messages_received_total", "Messages received from MQTT brokers.",
                                         {{"connection", connection_}, {"qos", std::to_string(qos)}});
  }
  for (size_t reason = 0; reason < kDrops; ++reason) {
    drops_[reason] = &metrics.GetCounter("sluice_messages_dropped_total", "Messages that no worker will be given.",
                                         {{"reason", std::string(kDropNames[reason])}});
  }
  for (const Route* route : index_.routes()) {
    routed_by_.push_back(&metrics.GetCounter("sluice_messages_routed_total", "Messages put into a chain's queue.",
                                             {{"route", route->id}}));
  }
  for (const ReceivedPacket& packet : unreleased) {
    if (packet.session == session_) NoteUnreleased(packet.packet_id, true);
  }
}

absl::Status Router::OnMessages(std::span<InboundMessage> batch) {
  now_ = kNotRead;
  taken_ = {};
  dropped_ = {};
  for (const InboundMessage& inbound : batch) Take(inbound);
  hex_.reset();
  absl::Status status;
  if (!routed_.empty()) {
    status = journal_.AppendReceived(routed_, PacketsOf(packet_ids_));
    if (status.ok()) {
      for (uint32_t at : routed_at_) routed_by_[at]->Add();
      for (const uint16_t packet_id : packet_ids_) NoteUnreleased(packet_id, true);
      next_.Enqueue(routed_);
    }
  }
  if (status.ok()) PublishCounts();
  routed_.clear();
  routed_at_.clear();
  packet_ids_.clear();
  return status;
}

absl::Status Router::OnReleased(std::span<const uint16_t> packet_ids) {
  const absl::Status status = journal_.Release(PacketsOf(packet_ids));
  if (status.ok()) {
    for (const uint16_t packet_id : packet_ids) NoteUnreleased(packet_id, false);
  }
  return status;
}

std::vector<uint16_t> Router::UnreleasedPackets() {
  std::vector<uint16_t> packet_ids;
  for (size_t id = 0; id < unreleased_.size(); ++id) {
    if (unreleased_[id]) packet_ids.push_back(static_cast<uint16_t>(id));
  }
  return packet_ids;
}

absl::Status Router::OnSessionLost() {
  const std::vector<uint16_t> packet_ids = UnreleasedPackets();
  return packet_ids.empty() ? absl::OkStatus() : OnReleased(packet_ids);
}

void Router::NoteUnreleased(uint16_t packet_id, bool unreleased) {
  if (unreleased_.empty()) unreleased_.resize(size_t{UINT16_MAX} + 1);
  unreleased_[packet_id] = unreleased;
}

std::span<const ReceivedPacket> Router::PacketsOf(std::span<const uint16_t> packet_ids) {
  while (packets_.size() < packet_ids.size()) packets_.push_back({.session = session_});
  for (size_t i = 0; i < packet_ids.size(); ++i) packets_[i].packet_id = packet_ids[i];
  return std::span(packets_).first(packet_ids.size());
}

void Router::PublishCounts() {
  for (size_t qos = 0; qos < taken_.size(); ++qos) {
    if (taken_[qos] != 0) received_[qos]->Add(taken_[qos]);
  }
  for (size_t reason = 0; reason < kDrops; ++reason) {
    if (dropped_[reason] != 0) drops_[reason]->Add(dropped_[reason]);
  }
}

void Router::Take(const InboundMessage& inbound) {
  const Message& message = *inbound.message;
  ++taken_[static_cast<size_t>(message.qos)];
  absl::Status valid = CheckTopicName(message.topic);
  Drop reason = Drop::kInvalidTopic;
  if (valid.ok() && message.properties != nullptr) {
    valid = CheckProperties(*message.properties);
    reason = Drop::kInvalidProperties;
  }
  if (!valid.ok()) {
    Count(reason);
    if (Opens(invalid_log_)) {
      log::Warning("message dropped: its topic or a property is not valid MQTT",
                   {{"connection", connection_},
                    {"reason", std::string(valid.message())},
                    {"not_logged", std::exchange(invalid_log_.held_back, 0)}});
    }
    return;
  }
  if (IsExpired(message)) {
    Count(Drop::kExpired);
    return;
  }
  const RouteIndex::FoundBy found_by = index_.Find(inbound, scratch_, found_);
  if (found_by == RouteIndex::FoundBy::kUnknownIdentifier && Opens(unknown_identifier_log_)) {
    log::Warning("the broker's session has a subscription that is not configured any more",
                 {{"connection", connection_},
                  {"topic", message.topic},
                  {"not_logged", std::exchange(unknown_identifier_log_.held_back, 0)}});
  }
  if (found_.empty()) {
    Count(Drop::kNoRoute);
    return;
  }
  hex_.reset();
  const size_t before = routed_.size();
  for (uint32_t at : found_) RouteTo(at, inbound.message);
  if (inbound.packet_id != 0 && routed_.size() > before) packet_ids_.push_back(inbound.packet_id);
}

void Router::RouteTo(uint32_t route_at, const MessagePtr& message) {
  const Route& route = *index_.routes()[route_at];
  const Chain* chain = route.target.chain;
  if (chain == nullptr) chain = ResolveChain(route, *message);
  if (chain == nullptr) {
    Count(Drop::kNoChain);
    if (Opens(no_chain_log_)) {
      log::Warning("message dropped: its route's target names no chain for it",
                   {{"route", route.id},
                    {"target", route.target.text},
                    {"topic", message->topic},
                    {"not_logged", std::exchange(no_chain_log_.held_back, 0)}});
    }
    return;
  }
  if (route.to_hex && hex_ == nullptr) hex_ = WithHexPayload(message);
  RoutedMessage& routed = routed_.emplace_back();
  routed.message = route.to_hex ? hex_ : message;
  routed.route = &route;
  routed.chain = chain;
  routed.start_node = route.target.chain == nullptr ? start_node_ : route.target.start_node;
  routed.ordering_key = OrderingKey(chain->options.order_by, routed.message->topic);
  routed.id = NextMessageId(message->received_unix_ms);
  routed_at_.push_back(route_at);
}

const Chain* Router::ResolveChain(const Route& route, const Message& message) {
  if (!route.target.pattern->Resolve(message, chain_name_, start_node_)) return nullptr;
  if (auto it = known_chains_.find(chain_name_); it != known_chains_.end()) return it->second;
  const Chain* chain = chains_.FindOrCreate(chain_name_);
  if (chain != nullptr) known_chains_.emplace(chain_name_, chain);
  return chain;
}

bool Router::IsExpired(const Message& message) {
  const SteadyTime expires = message.expires();
  if (expires == kNever) return false;
  if (now_ == kNotRead) now_ = clock_.Now();
  return expires <= now_;
}

bool Router::Opens(LogGate& gate) {
  if (now_ == kNotRead) now_ = clock_.Now();
  if (now_ < gate.next) {
    ++gate.held_back;
    return false;
  }
  gate.next = now_ + kLogInterval;
  return true;
}

}  // namespace sluice
