#include "server/config/merge.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "server/runtime/text.h"

namespace sluice {
namespace {

// Whoever may put a route is not thereby let into the gateway's environment.
void Stamp(Reading& reading, int source, bool is_target, Value& value) {
  value.at.source = source;
  if (value.kind == Value::Kind::kScalar) {
    value.literal = true;
    if (!is_target && text::Contains(value.text, "${")) {
      reading.Error(value.at,
                    "holds a '${', and what is put while the gateway runs knows nothing of its environment; allowed: "
                    "the value itself");
    }
  }
  for (Value& item : value.items) Stamp(reading, source, false, item);
  for (Entry& entry : value.entries) {
    entry.at.source = source;
    Stamp(reading, source, is_target && entry.key == "path", entry.value);
  }
}

void StampRoute(Reading& reading, int source, Value& route) {
  route.at.source = source;
  for (Entry& entry : route.entries) {
    entry.at.source = source;
    Stamp(reading, source, entry.key == "to", entry.value);
  }
}

Value& SectionIn(Entry& root, std::string_view name) {
  const auto found = std::ranges::find(root.value.entries, name, &Entry::key);
  if (found != root.value.entries.end()) return found->value;
  root.value.entries.push_back({.key = std::string(name), .at = root.at, .value = {}});
  return root.value.entries.back().value;
}

// False: it is something else, which its reader reports.
bool IsOrBecomes(Value& value, Value::Kind kind) {
  if (value.kind == Value::Kind::kNull) value.kind = kind;
  return value.kind == kind;
}

}  // namespace

void Merge(std::span<const Addition> additions, Reading& reading, Entry& root) {
  if (additions.empty() || !IsOrBecomes(root.value, Value::Kind::kMap)) return;
  int source = 0;
  for (const Addition& addition : additions) {
    ++source;
    Value value = addition.value;
    if (addition.key.kind == ItemKind::kRoute) {
      StampRoute(reading, source, value);
      Value& routes = SectionIn(root, "routes");
      if (IsOrBecomes(routes, Value::Kind::kList)) routes.items.push_back(std::move(value));
      continue;
    }
    Stamp(reading, source, false, value);
    Value& section = SectionIn(root, addition.key.kind == ItemKind::kChain ? "chains" : "connections");
    if (IsOrBecomes(section, Value::Kind::kMap)) {
      Position at = value.at;
      section.entries.push_back({.key = addition.key.id, .at = at, .value = std::move(value)});
    }
  }
}

}  // namespace sluice
