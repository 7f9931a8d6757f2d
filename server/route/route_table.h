// All routes of the gateway, and what can be asked about them as a whole.
#pragma once

#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/route/chain_directory.h"
#include "server/route/route.h"
#include "server/route/route_spec.h"
#include "server/runtime/mutex.h"

namespace sluice {

// INVALID_ARGUMENT that names route and field. Chains of fixed targets are made in `chains`.
absl::StatusOr<Route> MakeRoute(const RouteSpec& spec, ChainDirectory& chains);

// Owns routes for as long as it lives: messages in flight point at them, so that a route that is taken out of
// service is never freed. What a connection matches against is built from RoutesOf() (subscription_plan.h,
// route_index.h) and replaced as a whole when routes change. Thread-safe.
class RouteTable {
 public:
  RouteTable() = default;
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;

  // ALREADY_EXISTS when there is a route of that id.
  absl::Status Add(Route route);
  // From now on `specs` are the routes: one that is as it was stays the same object, the others are made anew. After an
  // error nothing has changed. Those that went are still found, so that what they have taken in is delivered.
  absl::Status Replace(std::span<const RouteSpec> specs, ChainDirectory& chains);
  // Of those in service, else of those that went. Null: there was none of this id.
  const Route* Find(std::string_view id) const;
  // Null: there is none of this id by now.
  const Route* FindInService(std::string_view id) const;
  // Of one connection, in service, in the order they were given.
  std::vector<const Route*> RoutesOf(std::string_view connection) const;

 private:
  mutable Mutex mutex_;
  std::deque<Route> routes_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string_view, const Route*> by_id_ ABSL_GUARDED_BY(mutex_);  // Keys live in routes_.
  std::vector<const Route*> in_service_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, RouteSpec> specs_ ABSL_GUARDED_BY(mutex_);  // Of those in service, by id; see Replace().
};

// Makes all of `specs` and adds them, in order; the first that is wrong ends it.
absl::Status BuildRoutes(std::span<const RouteSpec> specs, ChainDirectory& chains, RouteTable& table);

}  // namespace sluice
