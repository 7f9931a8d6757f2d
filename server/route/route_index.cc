#include "server/route/route_index.h"

#include <algorithm>

namespace sluice {

RouteIndex::RouteIndex(const SubscriptionGroup& group, const SubscriptionGroup& retired) {
  for (const PlannedSubscription& planned : group.planned) Add(planned, by_topic_);
  for (const PlannedSubscription& planned : retired.planned) Add(planned, retired_);
}

void RouteIndex::Add(const PlannedSubscription& planned, TopicTrie& by_topic) {
  const auto position = static_cast<uint32_t>(subscriptions_.size());
  const auto begin = static_cast<uint32_t>(routes_.size());
  routes_.insert(routes_.end(), planned.routes.begin(), planned.routes.end());
  subscriptions_.push_back({.begin = begin, .end = static_cast<uint32_t>(routes_.size())});
  // One that stands has it.
  if (planned.subscription.id != 0) by_id_.emplace(planned.subscription.id, position);
  by_topic.Insert(planned.routes.front()->filter, position);
}

RouteIndex::FoundBy RouteIndex::Find(const InboundMessage& inbound, std::vector<uint32_t>& scratch,
                                     std::vector<uint32_t>& found) const {
  scratch.clear();
  found.clear();
  FoundBy found_by = FoundBy::kIdentifier;
  for (uint32_t id : inbound.subscription_ids) {
    if (auto it = by_id_.find(id); it != by_id_.end()) scratch.push_back(it->second);
  }
  if (inbound.subscription_ids.empty()) {
    found_by = FoundBy::kTopic;
    by_topic_.Match(inbound.message->topic, scratch);
    if (scratch.empty()) retired_.Match(inbound.message->topic, scratch);
  } else if (scratch.empty()) {
    found_by = FoundBy::kUnknownIdentifier;
  } else if (scratch.size() > 1) {
    // A broker may name an identifier twice.
    std::sort(scratch.begin(), scratch.end());
    scratch.erase(std::unique(scratch.begin(), scratch.end()), scratch.end());
  }
  for (uint32_t subscription : scratch) {
    for (uint32_t at = subscriptions_[subscription].begin; at < subscriptions_[subscription].end; ++at) {
      found.push_back(at);
    }
  }
  return found_by;
}

}  // namespace sluice
