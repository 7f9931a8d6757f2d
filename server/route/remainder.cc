#include "server/route/remainder.h"

#include <algorithm>
#include <set>

#include "server/message/topic.h"
#include "server/message/topic_matcher.h"

namespace sluice {
namespace {

// A topic of more levels has more filters than are worth a try: for ten it is three thousand.
constexpr size_t kMostLevels = 10;

// Every filter that matches the topic: each level itself or `+`, or `#` for it and all behind it.
class Filters {
 public:
  template <typename Visit>  // bool(const std::string& filter): whether to go on.
  static bool Each(std::string_view topic, Visit visit) {
    std::string filter;
    return Extend(topic, topic, filter, visit);
  }

 private:
  template <typename Visit>
  static bool Extend(std::string_view topic, std::string_view rest, std::string& filter, Visit& visit) {
    LevelReader levels(rest);
    const std::string_view level = levels.Next();
    const size_t before = filter.size();
    // §4.7.2: no wildcard at the front of a filter matches a topic that begins with `$`.
    const bool wildcards = before > 0 || !IsDollarTopic(topic);
    for (const std::string_view wanted : {level, std::string_view("+"), std::string_view("#")}) {
      if (wanted != level && !wildcards) continue;
      filter += wanted;
      bool go_on = true;
      if (wanted == "#" || levels.done()) {
        go_on = visit(filter);
        if (go_on && wanted != "#") {  // `a/#` matches `a` as well.
          filter += "/#";
          go_on = visit(filter);
        }
      } else {
        filter += '/';
        go_on = Extend(topic, levels.rest(), filter, visit);
      }
      filter.resize(before);
      if (!go_on) return false;
    }
    return true;
  }
};

}  // namespace

std::vector<std::string> SharePrefixes(const SubscriptionGroup& group) {
  std::set<std::string> prefixes{""};
  for (const PlannedSubscription& planned : group.planned) {
    const auto name = ParseSubscription(planned.subscription.filter);
    if (name.ok() && !name->share.empty()) prefixes.insert("$share/" + std::string(name->share) + "/");
  }
  return {prefixes.begin(), prefixes.end()};
}

std::string RemainderOf(std::string_view topic, uint32_t id, std::span<const std::string> prefixes) {
  if (std::ranges::count(topic, '/') >= static_cast<std::ptrdiff_t>(kMostLevels)) return "";
  std::string found;
  for (const std::string& prefix : prefixes) {
    const bool none = Filters::Each(topic, [&](const std::string& filter) {
      if (SubscriptionId(prefix + filter) != id) return true;
      found = prefix + filter;
      return false;
    });
    if (!none) break;
  }
  return found;
}

}  // namespace sluice
