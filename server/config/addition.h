// Routes, chains and connections that were put beside the file, while the gateway ran. They are checked by the same code as
// the file's.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/diagnostic.h"
#include "server/config/document.h"

namespace sluice {

// Numbers stand in the database.
enum class ItemKind : uint8_t { kRoute = 1, kChain = 2, kConnection = 3 };

// "route", "chain", "connection".
std::string_view NameOf(ItemKind kind);

struct ItemKey {
  ItemKind kind = ItemKind::kRoute;
  std::string id;  // Of a chain and a connection its name.

  friend auto operator<=>(const ItemKey&, const ItemKey&) = default;
};

// "route 'temp'".
std::string ToString(const ItemKey& key);

struct Addition {
  ItemKey key;
  Value value;       // As it stands in the file's `routes`, or below its name. Environment references are errors.
  std::string name;  // What errors call the text that it comes from.
};

struct ParsedItems {
  std::vector<Addition> items;
  std::vector<Diagnostic> errors;  // What is wrong with the form; what is wrong with a value the loader says.
};

// YAML or JSON: a part of a configuration file with `routes`, `chains` and `connections`; of kRoute also one route or a
// list of them, of the others also what stands below `chains` or `connections`. A route without an id gets its filter.
ParsedItems ParseItems(std::string_view text, const std::string& name, std::optional<ItemKind> kind);

}  // namespace sluice
