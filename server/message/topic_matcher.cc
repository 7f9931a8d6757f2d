#include "server/message/topic_matcher.h"

namespace sluice {
namespace {

bool BeginsWithWildcard(std::string_view filter) { return filter.starts_with('+') || filter.starts_with('#'); }

}  // namespace

bool FilterMatches(std::string_view filter, std::string_view topic) {
  if (BeginsWithWildcard(filter) && IsDollarTopic(topic)) return false;
  LevelReader filter_levels(filter);
  LevelReader topic_levels(topic);
  while (true) {
    const std::string_view wanted = filter_levels.Next();
    if (wanted == "#") return true;
    const std::string_view level = topic_levels.Next();
    if (wanted != "+" && wanted != level) return false;
    if (filter_levels.done()) return topic_levels.done();
    // `a/#` also matches its parent `a` (§4.7.1.2).
    if (topic_levels.done()) return filter_levels.rest() == "#";
  }
}

bool FiltersOverlap(std::string_view a, std::string_view b) {
  if ((BeginsWithWildcard(a) && IsDollarTopic(b)) || (BeginsWithWildcard(b) && IsDollarTopic(a))) return false;
  // The parent of `/#` would be the empty topic, which does not exist (§4.7.3): `+` has no topic in common with it.
  if ((a == "+" && b == "/#") || (a == "/#" && b == "+")) return false;
  LevelReader a_levels(a);
  LevelReader b_levels(b);
  while (true) {
    const std::string_view of_a = a_levels.Next();
    const std::string_view of_b = b_levels.Next();
    if (of_a == "#" || of_b == "#") return true;
    if (of_a != "+" && of_b != "+" && of_a != of_b) return false;
    if (a_levels.done()) return b_levels.done() || b_levels.rest() == "#";
    if (b_levels.done()) return a_levels.rest() == "#";
  }
}

}  // namespace sluice
