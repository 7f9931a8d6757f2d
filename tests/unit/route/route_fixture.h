// Short ways to say routes and messages.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/message/message.h"
#include "server/message/topic.h"
#include "server/mqtt/driver.h"
#include "server/route/route_table.h"

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

struct MessageSpec {
  std::string topic;
  std::string payload = "21.5";
  Qos qos = Qos::kAtLeastOnce;
  UserProperties user = {};
  std::optional<uint32_t> expiry_s = {};
  SteadyTime received = SteadyTime(Millis(1'000'000));
};

inline std::shared_ptr<Message> MakeMessage(MessageSpec spec) {
  auto bytes =
      std::make_shared<const std::pair<std::string, std::string>>(std::move(spec.topic), std::move(spec.payload));
  auto message = std::make_shared<Message>();
  message->topic = bytes->first;
  message->payload = bytes->second;
  message->qos = spec.qos;
  message->received = spec.received;
  message->received_unix_ms = 1'700'000'000'000;
  if (!spec.user.empty() || spec.expiry_s) {
    auto properties = std::make_unique<Properties>();
    properties->user = std::move(spec.user);
    properties->expiry_s = spec.expiry_s;
    message->properties = std::move(properties);
  }
  message->storage = std::move(bytes);
  return message;
}

inline InboundMessage Inbound(MessageSpec spec, std::vector<uint32_t> subscription_ids = {}) {
  return {MakeMessage(std::move(spec)), std::move(subscription_ids)};
}

}  // namespace sluice
