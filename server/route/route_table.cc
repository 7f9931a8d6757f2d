#include "server/route/route_table.h"

#include <optional>
#include <utility>

#include "server/message/topic.h"
#include "server/route/processors.h"
#include "server/route/target.h"

namespace sluice {
namespace {

absl::Status Wrong(const RouteSpec& spec, const std::string& what, const absl::Status& why) {
  return {why.code(), "route '" + spec.id + "': " + what + " " + std::string(why.message())};
}

}  // namespace

absl::StatusOr<Route> MakeRoute(const RouteSpec& spec, ChainDirectory& chains) {
  Route route;
  route.id = spec.id;
  route.connection = spec.connection;
  route.filter = spec.filter;
  route.share = spec.share;
  route.qos = spec.qos;
  route.trust_reply_headers = spec.trust_reply_headers;
  route.retained = spec.retained;
  if (absl::Status status = CheckTopicFilter(spec.filter); !status.ok()) return Wrong(spec, "filter", status);
  if (!spec.share.empty()) {
    if (absl::Status status = CheckShareName(spec.share); !status.ok()) return Wrong(spec, "share", status);
  }
  if (absl::Status status = CheckMqttString(route.Subscription()); !status.ok()) {
    return Wrong(spec, "subscription", status);
  }
  for (const std::string& name : spec.from_processors) {
    if (absl::Status status = ApplyFromProcessor(name, route); !status.ok()) return Wrong(spec, "from:", status);
  }
  for (const std::string& name : spec.to_processors) {
    if (absl::Status status = ApplyToProcessor(name, route); !status.ok()) return Wrong(spec, "to:", status);
  }
  auto target = MakeTarget(spec.target, chains, spec.chains);
  if (!target.ok()) return Wrong(spec, "target '" + spec.target + "'", target.status());
  route.target = *std::move(target);
  return route;
}

absl::Status RouteTable::Add(Route route) {
  MutexLock lock(mutex_);
  if (by_id_.contains(route.id)) {
    return absl::AlreadyExistsError("route '" + route.id + "': there is one of this id already");
  }
  const Route& added = routes_.emplace_back(std::move(route));
  by_id_.emplace(added.id, &added);
  in_service_.push_back(&added);
  return absl::OkStatus();
}

absl::Status RouteTable::Replace(std::span<const RouteSpec> specs, ChainDirectory& chains) {
  MutexLock lock(mutex_);
  std::vector<std::optional<Route>> made;
  for (const RouteSpec& spec : specs) {
    std::optional<Route>& one = made.emplace_back();
    const auto stands = specs_.find(spec.id);
    if (stands != specs_.end() && stands->second == spec) continue;
    absl::StatusOr<Route> route = MakeRoute(spec, chains);
    if (!route.ok()) return route.status();
    one = *std::move(route);
  }
  in_service_.clear();
  specs_.clear();
  for (size_t i = 0; i < specs.size(); ++i) {
    if (made[i]) {
      const Route& added = routes_.emplace_back(*std::move(made[i]));
      by_id_.erase(added.id);  // Its key goes with the route it is of.
      by_id_.emplace(added.id, &added);
    }
    in_service_.push_back(by_id_.at(specs[i].id));
    specs_.emplace(specs[i].id, specs[i]);
  }
  return absl::OkStatus();
}

const Route* RouteTable::Find(std::string_view id) const {
  MutexLock lock(mutex_);
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

const Route* RouteTable::FindInService(std::string_view id) const {
  MutexLock lock(mutex_);
  const auto found = std::ranges::find(in_service_, id, &Route::id);
  return found == in_service_.end() ? nullptr : *found;
}

std::vector<const Route*> RouteTable::RoutesOf(std::string_view connection) const {
  MutexLock lock(mutex_);
  std::vector<const Route*> routes;
  for (const Route* route : in_service_) {
    if (route->connection == connection) routes.push_back(route);
  }
  return routes;
}

absl::Status BuildRoutes(std::span<const RouteSpec> specs, ChainDirectory& chains, RouteTable& table) {
  for (const RouteSpec& spec : specs) {
    auto route = MakeRoute(spec, chains);
    if (!route.ok()) return route.status();
    if (absl::Status status = table.Add(*std::move(route)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace sluice
