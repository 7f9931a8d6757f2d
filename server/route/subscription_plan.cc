#include "server/route/subscription_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "server/message/topic_matcher.h"

namespace sluice {
namespace {

// One for each distinct subscription, in the order of the routes.
std::vector<PlannedSubscription> Distinct(std::span<const Route* const> routes) {
  std::vector<PlannedSubscription> planned;
  std::map<std::string, size_t, std::less<>> position;
  for (const Route* route : routes) {
    std::string text = route->Subscription();
    auto [it, is_new] = position.try_emplace(text, planned.size());
    if (is_new)
      planned.push_back(
          {.subscription = {.filter = std::move(text), .qos = route->qos, .retained = route->retained}, .routes = {}});
    PlannedSubscription& mine = planned[it->second];
    mine.subscription.qos = std::max(mine.subscription.qos, route->qos);
    mine.subscription.retained = std::min(mine.subscription.retained, route->retained);
    mine.routes.push_back(route);
  }
  return planned;
}

void AssignIds(std::vector<PlannedSubscription>& planned) {
  // Sorted, so that where two texts have the same hash the order of the routes does not matter.
  std::vector<Subscription*> sorted;
  sorted.reserve(planned.size());
  for (PlannedSubscription& each : planned) sorted.push_back(&each.subscription);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->filter < b->filter; });
  std::set<uint32_t> taken;
  for (Subscription* subscription : sorted) {
    std::string text = subscription->filter;
    subscription->id = SubscriptionId(text);
    while (!taken.insert(subscription->id).second) subscription->id = SubscriptionId(text += '#');
  }
}

bool OverlapsAny(const SubscriptionGroup& group, const Route& route) {
  return std::any_of(group.planned.begin(), group.planned.end(), [&route](const PlannedSubscription& other) {
    return FiltersOverlap(other.routes.front()->filter, route.filter);
  });
}

}  // namespace

// FNV-1a, folded (MQTT 5.0 §3.8.2.1.2).
uint32_t SubscriptionId(std::string_view text) {
  constexpr uint32_t kMaxId = 268'435'455;
  uint64_t hash = 14'695'981'039'346'656'037u;
  for (char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 1'099'511'628'211u;
  return static_cast<uint32_t>(hash % kMaxId) + 1;
}

std::vector<Subscription> SubscriptionGroup::Subscriptions() const {
  std::vector<Subscription> subscriptions;
  subscriptions.reserve(planned.size());
  for (const PlannedSubscription& each : planned) subscriptions.push_back(each.subscription);
  return subscriptions;
}

std::vector<SubscriptionGroup> PlanSubscriptions(std::span<const Route* const> routes, bool mqtt5) {
  std::vector<PlannedSubscription> planned = Distinct(routes);
  std::vector<SubscriptionGroup> groups;
  if (planned.empty()) return groups;
  if (mqtt5) {
    AssignIds(planned);
    groups.push_back({.planned = std::move(planned)});
    return groups;
  }
  for (PlannedSubscription& each : planned) {
    const Route& route = *each.routes.front();
    auto free = std::find_if(groups.begin(), groups.end(),
                             [&route](const SubscriptionGroup& group) { return !OverlapsAny(group, route); });
    if (free == groups.end()) free = groups.emplace(groups.end());
    free->planned.push_back(std::move(each));
  }
  return groups;
}

}  // namespace sluice
