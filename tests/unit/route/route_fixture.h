// Short ways to say routes and messages.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/message/topic.h"
#include "server/mqtt/intake.h"
#include "server/route/route_table.h"
#include "tests/support/messages.h"

namespace sluice {

// A spec of connection "plant" for a subscription (`FILTER` or `$share/GROUP/FILTER`), which is also its id.
inline RouteSpec Spec(std::string_view subscription, std::string target = "chain", Qos qos = Qos::kAtLeastOnce) {
  const SubscriptionName name = ParseSubscription(subscription).value();
  RouteSpec spec;
  spec.id = subscription;
  spec.connection = "plant";
  spec.filter = name.filter;
  spec.share = name.share;
  spec.qos = qos;
  spec.target = std::move(target);
  return spec;
}

inline std::unique_ptr<Properties> WithUser(UserProperties user) {
  auto properties = std::make_unique<Properties>();
  properties->user = std::move(user);
  return properties;
}

inline std::unique_ptr<Properties> WithExpiry(uint32_t expiry_s) {
  auto properties = std::make_unique<Properties>();
  properties->expiry_s = expiry_s;
  return properties;
}

inline InboundMessage Inbound(MessageSpec spec, std::vector<uint32_t> subscription_ids = {}) {
  return {MakeMessage(std::move(spec)), std::move(subscription_ids)};
}

}  // namespace sluice
