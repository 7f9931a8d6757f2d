// What a broker's session holds of an earlier configuration that nobody has remembered: guessed from what comes for it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/route/subscription_plan.h"

namespace sluice {

// What a subscription may begin with: nothing, or "$share/NAME/" of each share in `group`.
std::vector<std::string> SharePrefixes(const SubscriptionGroup& group);

// The subscription with the identifier `id` that a message to `topic` came for; empty: it cannot be told. An identifier
// is made from the subscription's text (PlanSubscriptions), and the filter must match the topic: so it is one of the
// filters that do, behind one of `prefixes`. Costs up to some thousand hashes for each of these.
std::string RemainderOf(std::string_view topic, uint32_t id, std::span<const std::string> prefixes);

}  // namespace sluice
