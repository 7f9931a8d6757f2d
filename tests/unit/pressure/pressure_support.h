// Chains, routes and subscriptions as the tests of pressure put them together.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "server/route/chain_directory.h"
#include "server/route/subscription_plan.h"

namespace sluice {

class PressureWorld {
 public:
  const Chain& ChainOf(const std::string& name) { return chains_.Keep(name); }

  // A subscription that feeds these chains; none: a template's.
  PlannedSubscription Subscribe(const std::string& filter, const std::vector<std::string>& chains,
                                Qos qos = Qos::kAtLeastOnce) {
    PlannedSubscription planned{.subscription = {.filter = filter, .qos = qos}, .routes = {}};
    for (const std::string& chain : chains) planned.routes.push_back(&RouteTo(&ChainOf(chain)));
    if (chains.empty()) planned.routes.push_back(&RouteTo(nullptr));
    return planned;
  }

 private:
  const Route& RouteTo(const Chain* chain) {
    Route& route = routes_.emplace_back();
    route.target.chain = chain;
    return route;
  }

  ChainDirectory chains_{ChainOptions{}};
  std::deque<Route> routes_;
};

}  // namespace sluice
