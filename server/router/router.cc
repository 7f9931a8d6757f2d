#include "server/router/router.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/message/topic.h"
#include "server/route/dropped.h"
#include "server/route/message_check.h"
#include "server/route/ordering_key.h"
#include "server/route/processors.h"
#include "server/route/remainder.h"
#include "server/route/target.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr Millis kLogInterval{10'000};
constexpr SteadyTime kNotRead{};
// Identifiers of earlier configurations that are looked for: each costs as much as some hundred messages.
constexpr size_t kMostUnknownIds = 1'000;

// Names of Router::Drop, in its order.
constexpr std::string_view kDropNames[] = {"invalid_topic", "invalid_properties", "expired",
                                           "no_route",      "no_chain",           "undeliverable"};
// What a dead letter's reason begins with.
constexpr std::string_view kReasons[] = {"invalid topic", "invalid properties", "expired",
                                         "no route",      "no chain",           "undeliverable"};

std::string ReasonOf(std::string_view kind, std::string_view why) { return std::string(kind).append(": ").append(why); }

// Names the connection of what has no route. The group of a session that is being left may be empty.
Route NoRoute(const std::string& connection, const SubscriptionGroup& group) {
  Route none;
  none.connection = group.planned.empty() ? connection : group.planned.front().routes.front()->connection;
  return none;
}

}  // namespace

ReceivedCounters ReceivedBy(const std::string& connection, MetricsRegistry& metrics) {
  ReceivedCounters received;
  for (size_t qos = 0; qos < received.messages.size(); ++qos) {
    const Labels labels = {{"connection", connection}, {"qos", std::to_string(qos)}};
    received.messages[qos] =
        &metrics.GetCounter("sluice_messages_received_total", "Messages received from MQTT brokers.", labels);
    received.bytes[qos] = &metrics.GetCounter("sluice_received_bytes_total",
                                              "Bytes (topic, payload, properties) received from MQTT brokers.", labels);
  }
  return received;
}

Router::Router(const MqttOptions& connection, std::span<const ReceivedPacket> unreleased,
               const SubscriptionGroup& group, ChainDirectory& chains, Journal& journal, RoutedSink& next,
               UnroutableSink& unroutable, MetricsRegistry& metrics, const Clock& clock)
    : connection_(connection.name),
      session_(connection.name + " " + connection.client_id + " " + connection.uri),
      metrics_(metrics),
      chains_(chains),
      journal_(journal),
      next_(next),
      unroutable_sink_(unroutable),
      clock_(clock),
      no_route_(NoRoute(connection.name, group)),
      received_(ReceivedBy(connection.name, metrics)),
      routing_(MakeRouting(group, {})) {
  for (size_t reason = 0; reason < kDrops; ++reason) {
    drops_[reason] = &metrics.GetCounter("sluice_messages_dropped_total", kMessagesDroppedHelp,
                                         {{"chain", ""}, {"reason", std::string(kDropNames[reason])}});
    if (static_cast<Drop>(reason) == Drop::kExpired) continue;
    dead_[reason] = &metrics.GetCounter("sluice_dead_letters_total", kDeadLettersHelp,
                                        {{"chain", ""}, {"reason_kind", std::string(kDropNames[reason])}});
  }
  for (const ReceivedPacket& packet : unreleased) {
    if (packet.session == session_) NoteUnreleased(packet.packet_id, true);
  }
  if (journal.waits_for_disk()) at_most_once_.reset(new Router(Beside(), *this));
}

Router::Router(Beside /*tag*/, const Router& other)
    : connection_(other.connection_),
      session_(other.session_),
      metrics_(other.metrics_),
      chains_(other.chains_),
      journal_(other.journal_),
      next_(other.next_),
      unroutable_sink_(other.unroutable_sink_),
      clock_(other.clock_),
      no_route_(other.no_route_),
      received_(other.received_),
      drops_(other.drops_),
      dead_(other.dead_),
      routing_(other.routing_) {}

void Router::TraceBy(MessageSpans* spans) {
  spans_ = spans;
  if (at_most_once_ != nullptr) at_most_once_->spans_ = spans;
}

std::shared_ptr<const Router::Routing> Router::MakeRouting(const SubscriptionGroup& group,
                                                           const SubscriptionGroup& retired) const {
  auto routing = std::make_shared<Routing>(
      Routing{.index = RouteIndex(group, retired), .share_prefixes = SharePrefixes(group), .routed_by = {}});
  for (const Route* route : routing->index.routes()) {
    routing->routed_by.push_back(&metrics_.GetCounter("sluice_messages_routed_total",
                                                      "Messages put into a chain's queue.", {{"route", route->id}}));
  }
  return routing;
}

void Router::SetRoutes(const SubscriptionGroup& group, const SubscriptionGroup& retired) {
  const std::shared_ptr<const Routing> routing = MakeRouting(group, retired);
  Adopt(routing);
  if (at_most_once_ != nullptr) at_most_once_->Adopt(routing);
}

void Router::Adopt(std::shared_ptr<const Routing> routing) {
  MutexLock lock(mutex_);
  next_routing_ = std::move(routing);
  routing_changed_.store(true, std::memory_order_release);
}

absl::Status Router::OnMessages(std::span<InboundMessage> batch) {
  if (routing_changed_.load(std::memory_order_acquire)) {
    MutexLock lock(mutex_);
    routing_ = next_routing_;
    routing_changed_.store(false, std::memory_order_relaxed);
  }
  now_ = kNotRead;
  taken_ = {};
  taken_bytes_ = {};
  dropped_ = {};
  died_ = {};
  for (const InboundMessage& inbound : batch) Take(inbound);
  hex_.reset();
  last_chain_ = nullptr;
  absl::Status status;
  if (!unroutable_.empty() && !unroutable_sink_.TakesUnroutable()) {
    status = absl::ResourceExhaustedError("too many dead letters wait for their database");
  } else if (!routed_.empty() || !unroutable_.empty()) {
    status = journal_.AppendIntake(routed_, unroutable_, PacketsOf(packet_ids_));
    if (status.ok()) {
      for (uint32_t at : routed_at_) routing_->routed_by[at]->Add();
      for (const uint16_t packet_id : packet_ids_) NoteUnreleased(packet_id, true);
      if (!traced_.empty()) spans_->Received(connection_, batch.size(), traced_, batch.front().message->received);
      if (!routed_.empty()) next_.Enqueue(routed_);
      if (!unroutable_.empty()) unroutable_sink_.TakeUnroutable(std::exchange(unroutable_, {}));
    }
  }
  if (status.ok()) PublishCounts();
  routed_.clear();
  unroutable_.clear();
  routed_at_.clear();
  packet_ids_.clear();
  traced_.clear();
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
    if (taken_[qos] == 0) continue;
    received_.messages[qos]->Add(taken_[qos]);
    received_.bytes[qos]->Add(taken_bytes_[qos]);
  }
  for (size_t reason = 0; reason < kDrops; ++reason) {
    if (dropped_[reason] != 0) drops_[reason]->Add(dropped_[reason]);
    if (died_[reason] != 0) dead_[reason]->Add(died_[reason]);
  }
}

void Router::Take(const InboundMessage& inbound) {
  const Message& message = *inbound.message;
  ++taken_[static_cast<size_t>(message.qos)];
  taken_bytes_[static_cast<size_t>(message.qos)] += message.bytes();
  const size_t before = routed_.size() + unroutable_.size();
  TakeOne(inbound);
  if (inbound.packet_id != 0 && routed_.size() + unroutable_.size() > before) packet_ids_.push_back(inbound.packet_id);
}

void Router::TakeOne(const InboundMessage& inbound) {
  const Message& message = *inbound.message;
  parent_.reset();
  if (!inbound.undeliverable.empty()) {
    Refuse(Drop::kUndeliverable, nullptr, inbound.message, inbound.undeliverable);
    return;
  }
  if (spans_ != nullptr) parent_ = spans_->Decide(message);
  absl::Status valid = CheckTopicName(message.topic);
  Drop reason = Drop::kInvalidTopic;
  if (valid.ok() && message.properties != nullptr) {
    valid = CheckProperties(*message.properties);
    reason = Drop::kInvalidProperties;
  }
  if (!valid.ok()) {
    Refuse(reason, nullptr, inbound.message, std::string(valid.message()));
    return;
  }
  if (IsExpired(message)) {
    Count(Drop::kExpired);
    if (parent_) TraceDropped(inbound.message, nullptr, "its expiry interval is over");
    return;
  }
  const RouteIndex::FoundBy found_by = routing_->index.Find(inbound, scratch_, found_);
  if (found_by == RouteIndex::FoundBy::kUnknownIdentifier) LookForRemainders(inbound);
  if (found_.empty()) {
    Refuse(Drop::kNoRoute, nullptr, inbound.message,
           found_by == RouteIndex::FoundBy::kUnknownIdentifier
               ? "it came for a subscription of an earlier configuration"
               : "no route of the connection takes the topic");
    return;
  }
  hex_.reset();
  for (uint32_t at : found_) RouteTo(at, inbound.message);
}

void Router::Refuse(Drop reason, const Route* route, const MessagePtr& message, std::string_view why) {
  const bool dies = message->qos != Qos::kAtMostOnce;
  if (Opens(refused_log_)) {
    log::Warning(dies ? "message dead-lettered: no chain can take it" : "message dropped: no chain can take it",
                 {{"connection", connection_},
                  {"route", route == nullptr ? "" : route->id},
                  {"topic", message->topic},
                  {"reason", ReasonOf(kReasons[static_cast<size_t>(reason)], why)},
                  {"not_logged", std::exchange(refused_log_.held_back, 0)}});
  }
  if (!dies) {
    Count(reason);
    if (parent_) TraceDropped(message, route, ReasonOf(kReasons[static_cast<size_t>(reason)], why));
    return;
  }
  ++died_[static_cast<size_t>(reason)];
  Unroutable& letter = unroutable_.emplace_back();
  letter.message.message = parent_ ? spans_->Begin(message, *parent_) : message;
  letter.message.route = route == nullptr ? &no_route_ : route;
  letter.message.id = NextMessageId(message->received_unix_ms);
  letter.reason = ReasonOf(kReasons[static_cast<size_t>(reason)], why);
  letter.unix_ms = clock_.UnixMillis();
}

void Router::TraceDropped(const MessagePtr& message, const Route* route, std::string_view why) {
  spans_->Dropped({.message = *spans_->Begin(message, *parent_),
                   .id = NextMessageId(message->received_unix_ms),
                   .route = route == nullptr ? &no_route_ : route,
                   .chain = {},
                   .attempt = 0},
                  why);
}

void Router::RouteTo(uint32_t route_at, const MessagePtr& message) {
  const Route& route = *routing_->index.routes()[route_at];
  ChainRef chain = route.target.chain;
  if (chain == nullptr) chain = ResolveChain(route, *message);
  if (chain == nullptr) {
    Refuse(Drop::kNoChain, &route, message, no_chain_);
    return;
  }
  if (route.to_hex && hex_ == nullptr) hex_ = WithHexPayload(message);
  RoutedMessage& routed = routed_.emplace_back();
  routed.message = route.to_hex ? hex_ : message;
  if (parent_) {
    routed.message = spans_->Begin(routed.message, *parent_);
    traced_.push_back({parent_->trace, routed.message->trace->span});
  }
  routed.route = &route;
  routed.chain = std::move(chain);
  routed.start_node = route.target.chain == nullptr ? start_node_ : route.target.start_node;
  routed.ordering_key = OrderingKey(routed.chain->options().order_by, routed.message->topic);
  routed.id = NextMessageId(message->received_unix_ms);
  routed_at_.push_back(route_at);
}

void Router::LookForRemainders(const InboundMessage& inbound) {
  const std::string_view topic = inbound.message->topic;
  if (Opens(unknown_identifier_log_)) {
    log::Warning("the broker's session has a subscription that is not configured any more",
                 {{"connection", connection_},
                  {"topic", topic},
                  {"not_logged", std::exchange(unknown_identifier_log_.held_back, 0)}});
  }
  for (const uint32_t id : inbound.subscription_ids) {
    if (unknown_ids_.size() >= kMostUnknownIds || !unknown_ids_.insert(id).second) continue;
    if (std::string filter = RemainderOf(topic, id, routing_->share_prefixes); !filter.empty()) {
      remainders_.push_back(std::move(filter));
    }
  }
}

ChainRef Router::ResolveChain(const Route& route, const Message& message) {
  if (!route.target.pattern->Resolve(message, chain_name_, start_node_)) {
    no_chain_ = route.target.pattern->WhyNot(message);
    return nullptr;
  }
  // Not for longer than the batch, so that what nobody uses can be forgotten.
  if (last_chain_ != nullptr && last_chain_->name == chain_name_) return last_chain_;
  ChainRef chain = chains_.ForMessage(chain_name_);
  if (chain == nullptr) {
    no_chain_ = absl::StrCat("messages have brought ", chains_.most_of_messages(),
                             " chains already (maxTemplateChains), so there is none of the name '", chain_name_, "'");
    return chain;
  }
  return last_chain_ = std::move(chain);
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
