#include "server/config/addition.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "server/config/nearest.h"
#include "server/config/reader.h"
#include "server/message/topic.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr std::string_view kSections[] = {"routes", "chains", "connections"};

const Value* FindKey(const Value& map, std::string_view key) {
  const auto found = std::ranges::find(map.entries, key, &Entry::key);
  return found == map.entries.end() ? nullptr : &found->value;
}

class ItemParser {
 public:
  explicit ItemParser(std::string name) : name_(std::move(name)) {}

  void Take(Value root, std::optional<ItemKind> kind) {
    const bool is_map = root.kind == Value::Kind::kMap;
    const bool has_section = is_map && std::ranges::any_of(root.entries, [](const Entry& entry) {
                               return std::ranges::find(kSections, entry.key) != std::end(kSections);
                             });
    if (has_section || !kind) {
      Part(std::move(root));
    } else if (*kind != ItemKind::kRoute) {
      Named(*kind, std::move(root));
    } else if (root.kind == Value::Kind::kList) {
      Routes(std::move(root));
    } else {
      Route(std::move(root));
    }
    if (result_.items.empty() && result_.errors.empty()) Error({.line = 1, .column = 1}, "found nothing to put");
  }
  ParsedItems Result() { return std::move(result_); }

 private:
  void Error(Position at, std::string message) {
    result_.errors.push_back({.file = name_, .line = at.line, .column = at.column, .message = std::move(message)});
  }

  void Part(Value root) {
    if (root.kind != Value::Kind::kMap) {
      Error(root.at, "found no map; allowed: routes, chains, connections");
      return;
    }
    for (Entry& entry : root.entries) {
      if (entry.key == "routes") {
        Routes(std::move(entry.value));
      } else if (entry.key == "chains") {
        Named(ItemKind::kChain, std::move(entry.value));
      } else if (entry.key == "connections") {
        Named(ItemKind::kConnection, std::move(entry.value));
      } else {
        Error(entry.at, text::Concat("found ", Quoted(entry.key), ", which is not put while the gateway runs",
                                     DidYouMean(entry.key, kSections), "; allowed: routes, chains, connections"));
      }
    }
  }

  void Routes(Value list) {
    if (list.kind == Value::Kind::kNull) return;
    if (list.kind != Value::Kind::kList) {
      Error(list.at, "routes: found no list; allowed: a list of maps, each beginning with '- '");
      return;
    }
    for (Value& item : list.items) Route(std::move(item));
  }

  void Route(Value value) {
    if (value.kind != Value::Kind::kMap) {
      Error(value.at, "found no route; allowed: a map with id, from and to, as in the file");
      return;
    }
    const Value* id = FindKey(value, "id");
    std::string key = id == nullptr ? DefaultId(value) : id->text;
    if (key.empty()) {
      Error(value.at, "route.id is missing; allowed: a text");
      return;
    }
    if (id == nullptr) {
      Entry entry{.key = "id", .at = value.at, .value = Value::Scalar(key, value.at)};
      value.entries.insert(value.entries.begin(), std::move(entry));
    }
    Add({.kind = ItemKind::kRoute, .id = std::move(key)}, std::move(value));
  }

  // As the loader has it: the filter without $share/GROUP/.
  static std::string DefaultId(const Value& route) {
    const Value* from = FindKey(route, "from");
    const Value* path = from == nullptr ? nullptr : FindKey(*from, "path");
    if (path == nullptr || path->kind != Value::Kind::kScalar) return "";
    const auto subscription = ParseSubscription(path->text);
    return subscription.ok() ? std::string(subscription->filter) : path->text;
  }

  void Named(ItemKind kind, Value map) {
    if (map.kind == Value::Kind::kNull) return;
    if (map.kind != Value::Kind::kMap) {
      Error(map.at, text::Concat("found no map; allowed: a map of names, each a ", NameOf(kind), " with its keys"));
      return;
    }
    for (Entry& entry : map.entries) {
      if (entry.value.kind == Value::Kind::kScalar || entry.value.kind == Value::Kind::kList) {
        Error(entry.at, text::Concat(Quoted(entry.key), " has no keys below it; allowed: NAME: {…}, the name of a ",
                                     NameOf(kind), " before its keys"));
        continue;
      }
      if (entry.value.at.line == 0) entry.value.at = entry.at;
      if (kind == ItemKind::kConnection) RefuseSecrets(entry);
      Add({.kind = kind, .id = entry.key}, std::move(entry.value));
    }
  }

  // They would stand in the gateway's database, and in the shell's history.
  void RefuseSecrets(const Entry& connection) {
    for (const Entry& entry : connection.value.entries) {
      if (entry.key != "password") continue;
      Error(entry.at, text::Concat("connection ", Quoted(connection.key),
                                   ": holds a password, and what is put while the gateway runs keeps none; allowed: "
                                   "passwordFile, the name of a file on the gateway's machine"));
    }
  }

  void Add(ItemKey key, Value value) {
    if (!seen_.insert(key).second) {
      Error(value.at, text::Concat(ToString(key), " stands here twice; allowed: once"));
      return;
    }
    result_.items.push_back({.key = std::move(key), .value = std::move(value), .name = name_});
  }

  const std::string name_;
  std::set<ItemKey> seen_;
  ParsedItems result_;
};

}  // namespace

std::string_view NameOf(ItemKind kind) {
  if (kind == ItemKind::kRoute) return "route";
  return kind == ItemKind::kChain ? "chain" : "connection";
}

std::string ToString(const ItemKey& key) { return text::Concat(NameOf(key.kind), " ", Quoted(key.id)); }

ParsedItems ParseItems(std::string_view text, const std::string& name, std::optional<ItemKind> kind) {
  // JSON is YAML but for tabs, which stand between values only.
  std::string yaml(text);
  const size_t first = yaml.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (yaml[first] == '{' || yaml[first] == '[')) std::ranges::replace(yaml, '\t', ' ');
  std::variant<Value, Diagnostic> document = ParseDocument(yaml, name);
  if (auto* error = std::get_if<Diagnostic>(&document)) return {.items = {}, .errors = {std::move(*error)}};
  ItemParser parser(name);
  parser.Take(std::get<Value>(std::move(document)), kind);
  return parser.Result();
}

}  // namespace sluice
