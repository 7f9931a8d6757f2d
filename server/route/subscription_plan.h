// How a connection's routes are subscribed to, so that each message comes to each of its routes once, however the
// broker treats overlapping subscriptions (some send a copy for each, some one in all; MQTT 5.0 §3.3.4 allows both).
//
// - MQTT 5: every subscription has an identifier, and a copy goes to the routes of its identifiers only.
// - MQTT 3.1.1: a copy does not tell what it was sent for. Subscriptions whose filters overlap get connections of their
//   own, so that within a connection at most one filter matches a topic.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "server/mqtt/intake.h"
#include "server/route/route.h"

namespace sluice {

// Routes with an equal subscription (`$share/GROUP/FILTER` or filter) share it; it asks for the highest of their QoS,
// and for the most retained messages.
struct PlannedSubscription {
  Subscription subscription;
  std::vector<const Route*> routes;  // At least one.
};

// What one intake connection subscribes to.
struct SubscriptionGroup {
  std::vector<PlannedSubscription> planned;

  // As the driver takes them.
  std::vector<Subscription> Subscriptions() const;
};

// The identifier that a subscription has unless another one of its connection has the same: 1 … 268,435,455.
uint32_t SubscriptionId(std::string_view text);

// Pure. `routes` are those of one connection; none gives no group, MQTT 5 else one. Groups and subscriptions stand
// in the order of the routes, so that a route added at the end moves no other one to another session of the broker.
// Identifiers come from the subscription's text: a persistent session that holds messages sent for a subscription of
// an earlier configuration cannot have them taken for another one's, and those of subscriptions that stay find
// their routes.
std::vector<SubscriptionGroup> PlanSubscriptions(std::span<const Route* const> routes, bool mqtt5);

}  // namespace sluice
