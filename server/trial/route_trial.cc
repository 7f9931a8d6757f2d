#include "server/trial/route_trial.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/config/brokers.h"
#include "server/journal/memory_journal.h"
#include "server/message/topic.h"
#include "server/reply/reply_permissions.h"
#include "server/route/route_table.h"
#include "server/route/subscription_plan.h"
#include "server/router/router.h"

namespace sluice {
namespace {

// Behind a router: keeps what it hands on.
class Caught final : public RoutedSink, public UnroutableSink {
 public:
  void Enqueue(std::span<RoutedMessage> batch) override {
    for (RoutedMessage& message : batch) routed.push_back(std::move(message));
  }
  bool TakesUnroutable() const override { return true; }
  void TakeUnroutable(std::vector<Unroutable> letters) override {
    for (Unroutable& letter : letters) refused.push_back(std::move(letter));
  }

  std::vector<RoutedMessage> routed;
  std::vector<Unroutable> refused;
};

std::string_view NameOf(DataType type) {
  switch (type) {
    case DataType::kUnspecified:
      return "";
    case DataType::kJson:
      return "json";
    case DataType::kText:
      return "text";
    case DataType::kBinary:
      return "binary";
  }
  return "";
}

class Trial {
 public:
  Trial(const GatewayConfig& config, const v1::TestRoutesRequest& request)
      : config_(config), request_(request), chains_(config.chain_defaults, config.max_template_chains) {}

  absl::StatusOr<v1::TestRoutesResponse> Run() {
    if (absl::Status status = Check(); !status.ok()) return status;
    for (const auto& [name, options] : config_.chains) chains_.Define(name, options);
    if (absl::Status status = routes_.Replace(config_.routes, chains_); !status.ok()) return status;
    MakePermissions();
    for (const auto& [name, options] : config_.connections) {
      if (request_.connection().empty() || request_.connection() == name) AskConnection(name, options);
    }
    // The router has an order of its own.
    const auto place = [this](const v1::RouteMatch& match) {
      return std::ranges::find(config_.routes, match.route(), &RouteConfig::id) - config_.routes.begin();
    };
    std::ranges::sort(*response_.mutable_matches(), {}, place);
    return std::move(response_);
  }

 private:
  absl::Status Check() const {
    if (absl::Status status = CheckTopicName(request_.topic()); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("topic: ", status.message()));
    }
    if (absl::Status status = CheckTopicName(request_.reply_topic()); !request_.reply_topic().empty() && !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("reply_topic: ", status.message()));
    }
    if (request_.qos() > 2) return absl::InvalidArgumentError("qos: allowed: 0, 1 or 2");
    if (!request_.connection().empty() && !config_.connections.contains(request_.connection())) {
      return absl::InvalidArgumentError(absl::StrCat("there is no connection '", request_.connection(), "'"));
    }
    return absl::OkStatus();
  }

  void MakePermissions() {
    std::vector<const Route*> all;
    for (const auto& [name, options] : config_.connections) {
      std::ranges::copy(routes_.RoutesOf(name), std::back_inserter(all));
    }
    permissions_ = std::make_unique<ReplyPermissions>(config_.replies.allow, config_.replies.allow_loops, all,
                                                      BrokerOfEach(config_.connections));
  }

  void AskConnection(const std::string& name, const MqttOptions& options) {
    const std::vector<const Route*> routes = routes_.RoutesOf(name);
    for (const SubscriptionGroup& group : PlanSubscriptions(routes, options.mqtt5)) {
      Caught caught;
      MemoryJournal journal;
      Router router(options, {}, group, chains_, journal, caught, caught, metrics_, Clock::Real());
      std::vector<InboundMessage> batch;
      batch.push_back({.message = TheMessage(), .subscription_ids = {}});
      // The journal in memory takes everything.
      (void)router.OnMessages(batch);
      for (const RoutedMessage& routed : caught.routed) AddRouted(routed);
      for (const Unroutable& refused : caught.refused) {
        if (!refused.message.route->id.empty()) AddRefused(refused);
      }
    }
  }

  // QoS 1 at least: the router tells of no other what became of it.
  MessagePtr TheMessage() const {
    std::shared_ptr<Message> message = MakeMessage(request_.topic(), request_.payload());
    message->qos = Qos::kAtLeastOnce;
    if (request_.user_properties_size() > 0) {
      auto properties = std::make_unique<Properties>();
      for (const v1::UserProperty& property : request_.user_properties()) {
        properties->user.emplace_back(property.name(), property.value());
      }
      message->properties = std::move(properties);
    }
    return message;
  }

  v1::RouteMatch& Add(const Route& route) {
    v1::RouteMatch& match = *response_.add_matches();
    match.set_route(route.id);
    match.set_connection(route.connection);
    match.set_subscription(route.Subscription());
    match.set_qos(std::min(request_.qos(), static_cast<uint32_t>(route.qos)));
    match.set_target(route.target.text);
    const auto spec = std::ranges::find(config_.routes, route.id, &RouteConfig::id);
    for (const std::string& processor : spec->from_processors) match.add_processors(processor);
    for (const std::string& processor : spec->to_processors) match.add_processors(processor);
    match.set_data_type(std::string(NameOf(route.data_type)));
    if (request_.reply_topic().empty()) return match;
    std::string why;
    match.set_reply_permitted(permissions_->Permits(route, request_.reply_topic(), why));
    match.set_reply_refusal(why);
    return match;
  }

  void AddRouted(const RoutedMessage& routed) {
    v1::RouteMatch& match = Add(*routed.route);
    match.set_chain(routed.chain->name);
    match.set_start_node(routed.start_node);
    match.set_ordering_key(std::string(routed.ordering_key));
    match.set_payload(std::string(routed.message->payload));
  }

  void AddRefused(const Unroutable& refused) { Add(*refused.message.route).set_refusal(refused.reason); }

  const GatewayConfig& config_;
  const v1::TestRoutesRequest& request_;
  MetricsRegistry metrics_;
  ChainDirectory chains_;
  RouteTable routes_;
  std::unique_ptr<ReplyPermissions> permissions_;
  v1::TestRoutesResponse response_;
};

}  // namespace

absl::StatusOr<v1::TestRoutesResponse> TestRoutes(const GatewayConfig& config, const v1::TestRoutesRequest& request) {
  return Trial(config, request).Run();
}

}  // namespace sluice
