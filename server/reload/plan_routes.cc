#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "server/reload/differences.h"
#include "server/reload/plan_parts.h"
#include "server/runtime/text.h"

namespace sluice::reload {
namespace {

using Kind = PlannedChange::Kind;
using Routes = std::map<std::string, const RouteConfig*, std::less<>>;

std::string SubscriptionOf(const RouteConfig& route) {
  return route.share.empty() ? route.filter : text::Concat("$share/", route.share, "/", route.filter);
}

// As a connection asks for it: the highest QoS of the routes that share it, the most retained messages.
struct Asked {
  Qos qos = Qos::kAtMostOnce;
  Retained retained = Retained::kNone;
  friend bool operator==(const Asked&, const Asked&) = default;
};
using Subscriptions = std::map<std::string, Asked>;

Subscriptions SubscriptionsOf(const GatewayConfig& config, std::string_view connection) {
  Subscriptions all;
  for (const RouteConfig& route : config.routes) {
    if (route.connection != connection) continue;
    const auto [found, is_new] =
        all.try_emplace(SubscriptionOf(route), Asked{.qos = route.qos, .retained = route.retained});
    found->second.qos = std::max(found->second.qos, route.qos);
    found->second.retained = std::min(found->second.retained, route.retained);
  }
  return all;
}

Routes ById(const GatewayConfig& config) {
  Routes routes;
  for (const RouteConfig& route : config.routes) routes.emplace(route.id, &route);
  return routes;
}

std::set<std::string> ConnectionsWithOtherRoutes(const Routes& running, const Routes& wanted) {
  std::set<std::string> names;
  const auto look = [&names](const Routes& these, const Routes& those) {
    for (const auto& [id, route] : these) {
      const auto found = those.find(id);
      if (found == those.end() || *found->second != *route) names.insert(route->connection);
    }
  };
  look(running, wanted);
  look(wanted, running);
  return names;
}

// Why the connection cannot take other subscriptions in place, and is made anew; empty: it can.
std::string WhyAnew(const GatewayConfig& wanted, const std::string& connection, const Subscriptions& before,
                    const Subscriptions& after) {
  const auto found = wanted.connections.find(connection);
  if (found == wanted.connections.end()) return "it is removed";
  if (before.empty()) return "it takes nothing in so far";
  if (after.empty()) return "it takes nothing in any more";
  if (!found->second.mqtt5) return "with MQTT 3.1.1 overlapping filters need connections of their own";
  return "";
}

std::string EffectOf(const RouteConfig& before, const RouteConfig& after) {
  if (before.connection != after.connection) {
    return text::Concat("subscribed to on connection ", after.connection, ", and left on connection ",
                        before.connection);
  }
  if (SubscriptionOf(before) != SubscriptionOf(after)) {
    return text::Concat("'", SubscriptionOf(after), "' is subscribed to before '", SubscriptionOf(before),
                        "' is left; what it has taken in is delivered as before");
  }
  if (before.qos != after.qos || before.retained != after.retained) {
    return text::Concat("'", SubscriptionOf(after), "' is subscribed to anew, without a gap");
  }
  return "for messages that come from then on; what it has taken in is delivered as before";
}

}  // namespace

void PlanRoutes(const GatewayConfig& running, const GatewayConfig& wanted, ReloadPlan& plan) {
  const Routes before = ById(running);
  const Routes after = ById(wanted);
  std::map<std::string, std::string> anew;  // By connection: why.
  for (const std::string& connection : ConnectionsWithOtherRoutes(before, after)) {
    const Subscriptions old_ones = SubscriptionsOf(running, connection);
    const Subscriptions new_ones = SubscriptionsOf(wanted, connection);
    if (old_ones == new_ones) {
      plan.rerouted.insert(connection);
    } else if (std::string why = WhyAnew(wanted, connection, old_ones, new_ones); why.empty()) {
      plan.resubscribed.insert(connection);
    } else if (plan.remade.insert(connection).second) {
      anew.emplace(connection, std::move(why));
    }
  }
  const auto add = [&](Kind kind, const RouteConfig* old_one, const RouteConfig* new_one, std::string keys,
                       std::string effect) {
    PlannedChange change{.kind = kind,
                         .subject = text::Concat("route '", (new_one != nullptr ? new_one : old_one)->id, "'"),
                         .keys = std::move(keys),
                         .effect = std::move(effect)};
    std::set<std::string_view> told;
    for (const RouteConfig* route : {old_one, new_one}) {
      if (route == nullptr || !told.insert(route->connection).second) continue;
      const auto why = anew.find(route->connection);
      if (why == anew.end()) continue;
      text::AppendPart(change.effect,
                       text::Concat("; intake of connection ", why->first, " is made anew: ", why->second));
    }
    plan.changes.push_back(std::move(change));
  };
  for (const auto& [id, route] : before) {
    const auto found = after.find(id);
    if (found == after.end()) {
      add(Kind::kRemoved, route, nullptr, "",
          text::Concat("'", SubscriptionOf(*route),
                       "' is left unless another route has it; what it has taken in is "
                       "delivered, and its replies go out"));
    } else if (*found->second != *route) {
      add(Kind::kChanged, route, found->second, JoinKeys(DifferingKeys(*route, *found->second)),
          EffectOf(*route, *found->second));
    }
  }
  for (const auto& [id, route] : after) {
    if (before.contains(id)) continue;
    add(Kind::kAdded, nullptr, route, "",
        text::Concat("'", SubscriptionOf(*route), "' is subscribed to on connection ", route->connection,
                     "; what comes goes to '", route->target, "'"));
  }
}

}  // namespace sluice::reload
