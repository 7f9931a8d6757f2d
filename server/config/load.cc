#include "server/config/load.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <variant>

#include "server/config/document.h"
#include "server/config/merge.h"
#include "server/config/reader.h"
#include "server/config/sections.h"
#include "server/config/shown.h"
#include "server/config/version.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

// Makes `value` a container of `kind` if it is empty; false when it is something else, which its reader will report.
bool Become(Value& value, Value::Kind kind) {
  if (value.kind == Value::Kind::kNull) value.kind = kind;
  return value.kind == kind;
}

// What stands at `step` in `parent`, made at `at` if need be; null when the parent cannot have such a part.
Value* Step(Value& parent, const std::string& step, Position at) {
  if (step.starts_with('[')) {
    if (!Become(parent, Value::Kind::kList)) return nullptr;
    size_t index = 0;
    std::from_chars(step.data() + 1, step.data() + step.size(), index);
    if (parent.items.size() <= index) parent.items.resize(index + 1);
    return &parent.items[index];
  }
  if (!Become(parent, Value::Kind::kMap)) return nullptr;
  auto entry =
      std::find_if(parent.entries.begin(), parent.entries.end(), [&](const Entry& e) { return e.key == step; });
  if (entry == parent.entries.end()) entry = parent.entries.insert(entry, Entry{.key = step, .at = at, .value = {}});
  return &entry->value;
}

void Apply(const Setting& setting, Entry& root) {
  Value* value = &root.value;
  for (const std::string& step : setting.path) {
    value = Step(*value, step, root.at);
    if (value == nullptr) return;
  }
  *value = Value::Scalar(setting.value, {});
  value->literal = true;
}

const Value* FindSection(const Value& root, std::string_view name) {
  const auto found = std::ranges::find(root.entries, name, &Entry::key);
  return found == root.entries.end() ? nullptr : &found->value;
}

// Of a configuration without errors.
std::vector<LoadedItem> ItemsOf(const Value& root, const GatewayConfig& config) {
  std::vector<LoadedItem> items;
  ShownParts shown(root);
  const auto add = [&](ItemKind kind, const std::string& id, const Value& value) {
    items.push_back({.key = {.kind = kind, .id = id}, .source = value.at.source, .shown = shown.Of(value)});
  };
  if (const Value* routes = FindSection(root, "routes")) {
    for (size_t i = 0; i < routes->items.size(); ++i) add(ItemKind::kRoute, config.routes[i].id, routes->items[i]);
  }
  for (const auto& [kind, name] :
       {std::pair(ItemKind::kChain, "chains"), std::pair(ItemKind::kConnection, "connections")}) {
    const Value* section = FindSection(root, name);
    if (section == nullptr) continue;
    for (const Entry& entry : section->entries) add(kind, entry.key, entry.value);
  }
  return items;
}

LoadResult Load(Entry root, const std::string& file, const Surroundings& surroundings,
                std::span<const Setting> settings, std::span<const Addition> additions) {
  for (const Setting& setting : settings) Apply(setting, root);
  const std::string hash = file.empty() ? ConfigHash(ShownConfig(root.value)) : "";
  std::vector<std::string> names;
  for (const Addition& addition : additions) names.push_back(addition.name);
  Reading reading(file, surroundings, std::move(names));
  Merge(additions, reading, root);
  Draft draft;
  MapReader top(reading, kTopSection, root, "");
  if (top.valid()) {
    ReadConnections(reading, top, draft);
    ReadChains(reading, top, draft);
    ReadRoutes(reading, top, draft);
    CheckClientIds(reading, draft);
    ReadReplies(reading, top, draft);
    ReadDeadLetters(reading, top, draft);
    ReadTracing(reading, top, draft);
    ReadTelemetry(reading, top, draft);
    ReadWorkers(reading, top, draft);
    ReadPressure(reading, top, draft);
    ReadAdmin(reading, top, draft);
    ReadAudit(reading, top, draft);
    ReadPermissions(reading, top, draft);
    ReadProcess(reading, top, draft);
    CheckListeners(reading, root, draft);
    CheckPlaces(reading, root, draft);
  }
  LoadResult result;
  result.config = std::move(draft.config);
  result.errors = reading.TakeErrors();
  result.hash = hash;
  result.shown = ShownConfig(root.value);
  if (result.ok()) result.items = ItemsOf(root.value, result.config);
  for (const Diagnostic& warning : reading.TakeWarnings()) result.config.warnings.push_back(warning.ToString());
  return result;
}

}  // namespace

LoadResult LoadConfig(std::string_view text, const std::string& file, const Surroundings& surroundings,
                      std::span<const Setting> settings, std::span<const Addition> additions) {
  std::variant<Value, Diagnostic> document = ParseDocument(text, file);
  if (auto* error = std::get_if<Diagnostic>(&document)) {
    LoadResult result;
    result.errors.push_back(std::move(*error));
    return result;
  }
  Entry root{.key = "", .at = {.line = 1, .column = 1}, .value = std::get<Value>(std::move(document))};
  LoadResult result = Load(std::move(root), file, surroundings, settings, additions);
  result.hash = ConfigHash(text);
  result.text = text;
  return result;
}

LoadResult LoadSettings(std::span<const Setting> settings, const Surroundings& surroundings,
                        std::span<const Addition> additions) {
  return Load(Entry{}, "", surroundings, settings, additions);
}

LoadResult LoadConfigFile(const std::string& file, const Surroundings& surroundings, std::span<const Setting> settings,
                          std::span<const Addition> additions) {
  absl::StatusOr<std::string> text = surroundings.read_file(file);
  if (text.ok()) return LoadConfig(*text, file, surroundings, settings, additions);
  LoadResult result;
  result.errors.push_back({.file = file,
                           .line = 0,
                           .column = 0,
                           .message = text::Concat("--config ", file, ": ", text::Message(text.status()))});
  return result;
}

}  // namespace sluice
