#include "server/reload/desired.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "server/runtime/text.h"

namespace sluice {

HeldAdditions Hold(const AdditionStore::Content& content) {
  HeldAdditions held;
  for (const StoredAddition& stored : content.additions) {
    HeldAddition one{
        .stored = stored, .value = {}, .name = text::Concat("run time: ", ToString(stored.key)), .trouble = ""};
    std::variant<Value, Diagnostic> document = ParseDocument(stored.yaml, one.name);
    if (auto* error = std::get_if<Diagnostic>(&document)) {
      one.trouble = error->ToString();
    } else {
      one.value = std::get<Value>(std::move(document));
    }
    held.insert_or_assign(stored.key, std::move(one));
  }
  return held;
}

Desired LoadDesired(const LoadConfiguration& load, const std::optional<ConfigText>& text, HeldAdditions additions,
                    const std::set<ItemKey>& needed) {
  while (true) {
    std::vector<Addition> active;
    for (const auto& [key, held] : additions) {
      if (held.trouble.empty()) active.push_back({.key = key, .value = held.value, .name = held.name});
    }
    LoadResult loaded = load(text, active);
    const auto can_be_left = [&](const Diagnostic& error) {
      return error.source > 0 && !needed.contains(active[static_cast<size_t>(error.source) - 1].key);
    };
    if (loaded.ok() || !std::ranges::all_of(loaded.errors, can_be_left)) {
      return {.loaded = std::move(loaded), .additions = std::move(additions)};
    }
    for (const Diagnostic& error : loaded.errors) {
      std::string& trouble = additions[active[static_cast<size_t>(error.source) - 1].key].trouble;
      if (trouble.empty()) trouble = error.message;
    }
  }
}

std::set<ItemKey> Active(const HeldAdditions& additions) {
  std::set<ItemKey> keys;
  for (const auto& [key, held] : additions) {
    if (held.trouble.empty()) keys.insert(key);
  }
  return keys;
}

HeldAdditions WithoutTrouble(HeldAdditions additions) {
  for (auto& [key, held] : additions) {
    // What cannot be read has no value, and stays where it is.
    if (held.value.kind != Value::Kind::kNull || held.stored.yaml == "null\n") held.trouble.clear();
  }
  return additions;
}

}  // namespace sluice
