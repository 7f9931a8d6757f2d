#include "server/reload/desired.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "server/runtime/text.h"

namespace sluice {
namespace {

std::vector<Addition> ActiveOf(const HeldAdditions& additions) {
  std::vector<Addition> active;
  for (const auto& [key, held] : additions) {
    if (held.trouble.empty()) active.push_back({.key = key, .value = held.value, .name = held.name});
  }
  return active;
}

// In the order of the file's sections: a route may need a connection that was put, too.
std::vector<ItemKey> KeysOf(const HeldAdditions& additions) {
  std::vector<ItemKey> keys;
  for (auto one = additions.rbegin(); one != additions.rend(); ++one) {
    if (one->second.trouble.empty()) keys.push_back(one->first);
  }
  return keys;
}

// Finds out by trying which of several are in the way of something else.
class Trying {
 public:
  Trying(const LoadConfiguration& load, const std::optional<ConfigText>& text, HeldAdditions& additions)
      : load_(load), text_(text), additions_(additions) {}

  LoadResult With(std::span<const ItemKey> more) const {
    std::vector<Addition> all;
    for (const std::span<const ItemKey> keys : {std::span<const ItemKey>(taken_), more}) {
      for (const ItemKey& key : keys) {
        const HeldAddition& held = additions_.at(key);
        all.push_back({.key = key, .value = held.value, .name = held.name});
      }
    }
    return load_(text_, all);
  }
  void Take(std::span<const ItemKey> keys) { taken_.insert(taken_.end(), keys.begin(), keys.end()); }

  // Takes those that go with what is taken, and says of the others why they do not.
  void TakeThatGo(std::span<const ItemKey> keys) {
    if (keys.empty()) return;
    const LoadResult loaded = With(keys);
    if (loaded.ok()) {
      Take(keys);
    } else if (keys.size() == 1) {
      additions_.at(keys.front()).trouble = loaded.errors.front().message;
    } else {
      TakeThatGo(keys.first(keys.size() / 2));
      TakeThatGo(keys.subspan(keys.size() / 2));
    }
  }

 private:
  const LoadConfiguration& load_;
  const std::optional<ConfigText>& text_;
  HeldAdditions& additions_;
  std::vector<ItemKey> taken_;
};

}  // namespace

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
    const std::vector<Addition> active = ActiveOf(additions);
    LoadResult loaded = load(text, active);
    const auto can_be_left = [&](const Diagnostic& error) {
      return error.source > 0 && !needed.contains(active[static_cast<size_t>(error.source) - 1].key);
    };
    if (loaded.ok()) return {.loaded = std::move(loaded), .additions = std::move(additions)};
    if (!std::ranges::all_of(loaded.errors, can_be_left)) {
      // Two may be in each other's way, and the error stands at the one that has to stay.
      std::vector<ItemKey> stay;
      std::vector<ItemKey> others;
      for (const ItemKey& key : KeysOf(additions)) (needed.contains(key) ? stay : others).push_back(key);
      if (others.empty()) return {.loaded = std::move(loaded), .additions = std::move(additions)};
      Trying trying(load, text, additions);
      trying.Take(stay);
      if (LoadResult without = trying.With({}); !without.ok()) {
        return {.loaded = std::move(without), .additions = std::move(additions)};
      }
      trying.TakeThatGo(others);
      loaded = load(text, ActiveOf(additions));
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
