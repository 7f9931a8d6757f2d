// What changes while the gateway runs, each part touched only where a plan says so (docs/adr/0034).
#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/config/brokers.h"
#include "server/limit_metrics.h"
#include "server/reply/reply_permissions.h"
#include "server/route/subscription_plan.h"
#include "server/stages.h"

namespace sluice {
namespace {

// Subscriptions that are not had any more, and whose messages are still known; the oldest are forgotten first.
constexpr size_t kMostRetired = 10'000;

bool Has(const SubscriptionGroup& group, const std::string& filter) {
  return std::ranges::any_of(
      group.planned, [&filter](const PlannedSubscription& planned) { return planned.subscription.filter == filter; });
}

// The same subscriptions with the routes that have them now.
SubscriptionGroup WithRoutes(SubscriptionGroup group, std::span<const Route* const> routes) {
  for (PlannedSubscription& planned : group.planned) {
    planned.routes.clear();
    std::ranges::copy_if(routes, std::back_inserter(planned.routes), [&planned](const Route* route) {
      return route->Subscription() == planned.subscription.filter;
    });
  }
  return group;
}

}  // namespace

// A gateway on its own leaves nothing: nobody would take it.
Ladder::Options LadderOptions(const PressureConfig& config) {
  if (config.replicas <= 1) return {};
  return {.leave_share_after = config.leave_share_after, .no_workers_after = config.no_workers_after};
}

Watermark JournalWatermark(const GatewayConfig& config) {
  return {{.messages = config.journal.max_messages, .bytes = config.journal.max_bytes},
          config.pressure.high,
          config.pressure.low};
}

absl::Status Gateway::Stages::Carry(const GatewayConfig& wanted, const ReloadPlan& plan) {
  // All that can go wrong: after it nothing does.
  absl::StatusOr<Permissions> permissions = Permissions::Compile(wanted.permissions);
  if (!permissions.ok()) return permissions.status();
  if (absl::Status status = routes_.Replace(wanted.routes, chains_); !status.ok()) return status;
  CarryChains(wanted);
  CarryBounds(wanted, plan);
  // Before the first message of a new route, so that its replies are permitted.
  SetRules(wanted);
  settler_->SetRules(*rules_.Get());
  CarryRoutes(plan);
  if (!plan.remade.empty() || !plan.reconnected.empty()) CarryConnections(wanted, plan);
  if (plan.permissions) SetPermissions(*std::move(permissions));
  workers_->LookForChains();
  return absl::OkStatus();
}

void Gateway::Stages::CarryChains(const GatewayConfig& wanted) {
  const std::vector<ChainRef> changed = chains_.SetOptions(wanted.chain_defaults, wanted.chains);
  for (const auto& [name, options] : wanted.chains) chains_.Define(name, options);
  ExpectChains(wanted);
  for (const ChainRef& chain : changed) {
    dispatcher_.OnOptionsChanged(*chain);
    if (backlog_) backlog_->OnOptionsChanged(*chain);
  }
}

void Gateway::Stages::CarryBounds(const GatewayConfig& wanted, const ReloadPlan& plan) {
  if (plan.log_level) log::SetLevel(log::LevelNamed(wanted.log.level));
  if (plan.pressure) intake_control_.SetOptions(LadderOptions(wanted.pressure), JournalWatermark(wanted));
  if (plan.dead_letters) {
    if (absl::Status status = dead_letter_store_->SetLimits(wanted.dead_letters); !status.ok()) {
      log::Warning("dead letters past the new bounds go with the next one", {{"reason", status.ToString()}});
    }
  }
  if (plan.tracing) trace_ring_.SetConfig(wanted.tracing);
  AddLimitMetrics(wanted, metrics_);
}

void Gateway::Stages::CarryRoutes(const ReloadPlan& plan) {
  for (Intake& intake : intakes_) {
    if (plan.remade.contains(intake.connection_name)) continue;
    const std::vector<const Route*> routes = routes_.RoutesOf(intake.connection_name);
    if (plan.rerouted.contains(intake.connection_name)) {
      intake.group = WithRoutes(std::move(intake.group), routes);
      intake.router->SetRoutes(intake.group, intake.retired);
      intake_control_.ChangeConnection(intake.options.name, intake.group, {});
    } else if (plan.resubscribed.contains(intake.connection_name)) {
      // With MQTT 5 there is one, and there was.
      Resubscribe(intake, std::move(PlanSubscriptions(routes, intake.options.mqtt5).front()));
    }
  }
}

void Gateway::Stages::Resubscribe(Intake& intake, SubscriptionGroup group) {
  std::vector<PlannedSubscription>& retired = intake.retired.planned;
  std::erase_if(retired, [&group](const auto& planned) { return Has(group, planned.subscription.filter); });
  for (PlannedSubscription& planned : intake.group.planned) {
    if (!Has(group, planned.subscription.filter)) retired.push_back(std::move(planned));
  }
  if (retired.size() > kMostRetired) {
    retired.erase(retired.begin(), retired.end() - static_cast<ptrdiff_t>(kMostRetired));
  }
  intake.group = std::move(group);
  std::vector<std::string> filters;
  for (const Subscription& subscription : intake.group.Subscriptions()) filters.push_back(subscription.filter);
  if (!intake.options.clean_session) {
    // What is asked for stands on disk before; an error is logged, and costs no more than that.
    session_memory_->Change(intake.session_name, filters);
    (void)session_memory_->Save();
  }
  // What comes for the new ones is known before they are asked for.
  intake.router->SetRoutes(intake.group, intake.retired);
  intake_control_.ChangeConnection(intake.options.name, intake.group,
                                   SubscriptionsOf(intake.session_name, intake.group));
}

// ------------------------------------------------------------------------------------------------ and at the start

std::vector<const Route*> Gateway::Stages::RoutesOf(const GatewayConfig& config) const {
  std::vector<const Route*> all;
  for (const auto& [name, options] : config.connections) {
    std::ranges::copy(routes_.RoutesOf(name), std::back_inserter(all));
  }
  return all;
}

void Gateway::Stages::SetRules(const GatewayConfig& config) {
  const std::vector<const Route*> routes = RoutesOf(config);
  std::vector<std::shared_ptr<const TargetPattern>> templates;
  for (const Route* route : routes) {
    if (route->target.pattern != nullptr) templates.push_back(route->target.pattern);
  }
  templates_.Set(std::move(templates));
  std::set<std::string, std::less<>> chains;
  for (const auto& [name, options] : config.chains) chains.insert(name);
  for (const Route* route : routes) {
    if (route->target.chain != nullptr) chains.insert(route->target.chain->name);
  }
  configured_chains_.Set(std::move(chains));
  const auto permissions = std::make_shared<const ReplyPermissions>(config.replies.allow, config.replies.allow_loops,
                                                                    routes, BrokerOfEach(config.connections));
  rules_.Set({.permits = [permissions](const Route& route, std::string_view topic,
                                       std::string& why) { return permissions->Permits(route, topic, why); },
              .max_payload_bytes = config.replies.max_payload_bytes,
              .allow_control_characters = config.replies.allow_control_characters,
              .keep_denied = config.replies.on_denied == OnDenied::kDeadLetter});
}

void Gateway::Stages::ExpectChains(const GatewayConfig& config) {
  for (const std::string& name : ConfiguredChains(config)) {
    const ChainRef chain = chains_.Find(name);
    dispatcher_.Expect(*chain);
    settler_->Expect(*chain);
    intake_control_.Expect(*chain);
  }
}

std::vector<Subscription> Gateway::Stages::SubscriptionsOf(const SessionName& session,
                                                           const SubscriptionGroup& group) const {
  std::vector<Subscription> subscriptions = group.Subscriptions();
  for (Subscription& subscription : subscriptions) {
    subscription.held = session_memory_->Holds(session, subscription.filter);
  }
  return subscriptions;
}

}  // namespace sluice
