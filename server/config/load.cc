#include "server/config/load.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <variant>

#include "server/config/document.h"
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

LoadResult Load(Entry root, const std::string& file, const Surroundings& surroundings,
                std::span<const Setting> settings) {
  for (const Setting& setting : settings) Apply(setting, root);
  Reading reading(file, surroundings);
  Draft draft;
  MapReader top(reading, kTopSection, root, "");
  if (top.valid()) {
    ReadConnections(reading, top, draft);
    ReadChains(reading, top, draft);
    ReadRoutes(reading, top, draft);
    CheckClientIds(reading, draft);
    ReadReplies(reading, top, draft);
    ReadDeadLetters(reading, top, draft);
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
  result.shown = ShownConfig(root.value);
  for (const Diagnostic& warning : reading.TakeWarnings()) result.config.warnings.push_back(warning.ToString());
  return result;
}

}  // namespace

LoadResult LoadConfig(std::string_view text, const std::string& file, const Surroundings& surroundings,
                      std::span<const Setting> settings) {
  std::variant<Value, Diagnostic> document = ParseDocument(text, file);
  if (auto* error = std::get_if<Diagnostic>(&document)) {
    LoadResult result;
    result.errors.push_back(std::move(*error));
    return result;
  }
  Entry root{.key = "", .at = {.line = 1, .column = 1}, .value = std::get<Value>(std::move(document))};
  LoadResult result = Load(std::move(root), file, surroundings, settings);
  result.hash = ConfigHash(text);
  return result;
}

LoadResult LoadSettings(std::span<const Setting> settings, const Surroundings& surroundings) {
  LoadResult result = Load(Entry{}, "", surroundings, settings);
  result.hash = ConfigHash(result.shown);
  return result;
}

LoadResult LoadConfigFile(const std::string& file, const Surroundings& surroundings,
                          std::span<const Setting> settings) {
  absl::StatusOr<std::string> text = surroundings.read_file(file);
  if (text.ok()) return LoadConfig(*text, file, surroundings, settings);
  LoadResult result;
  result.errors.push_back({.file = file,
                           .line = 0,
                           .column = 0,
                           .message = text::Concat("--config ", file, ": ", text::Message(text.status()))});
  return result;
}

}  // namespace sluice
