// Which key of a map is which, and what to say of those that are none.
#include "server/config/nearest.h"
#include "server/config/reader.h"
#include "server/runtime/text.h"

namespace sluice {

void MapReader::CheckKey(const Entry& entry) {
  const std::string where = path_.empty() ? "" : text::Concat(path_, ": ");
  for (size_t i = 0; i < section_.keys.size(); ++i) {
    const std::string_view name = section_.keys[i].name;
    if (entry.key != name && !(section_.any_case && text::EqualsIgnoreCase(entry.key, name))) continue;
    const Entry*& known = entries_[i];
    if (known == nullptr) {
      known = &entry;
    } else if ((known->key == name) == (entry.key == name)) {
      reading_.Error(
          entry.at, text::Concat(where, "key '", entry.key, "' is given twice; the first is in line ", known->at.line));
    } else {
      const Entry& loser = entry.key == name ? *known : entry;
      reading_.Warn(loser.at, text::Concat(where, "'", loser.key, "' is ignored, as '", name, "' is given too"));
      if (entry.key == name) known = &entry;
    }
    return;
  }
  std::vector<std::string_view> names;
  for (const Key& key : section_.keys) names.push_back(key.name);
  const std::string known = text::Concat("known keys: ", text::Join(names, ", "));
  if (entry.key == "<<") {
    reading_.Error(entry.at, text::Concat(where, "YAML's merge key '<<' is not supported; ", known));
  } else if (!text::IsWord(entry.key)) {  // It may be a value that lost its key, even a password.
    reading_.Error(entry.at, text::Concat(where,
                                          "an unknown key, not shown as it is no plain word (is a ': ' missing "
                                          "behind a key?); ",
                                          known));
  } else {
    std::string hint = DidYouMean(entry.key, names);
    if (hint.empty()) hint = KnownElsewhere(entry.key);
    reading_.Error(entry.at, text::Concat(where, "unknown key '", entry.key, "'", hint, "; ", known));
  }
}

// A key that stands a level too deep, or not deep enough: "caFile" of a connection within its "tls".
std::string MapReader::KnownElsewhere(std::string_view word) const {
  const std::string_view own = section_.path;
  const std::string_view above = own.substr(0, own.find_last_of('.'));
  // `admin.auth` has the section of `workers.auth`.
  if (own.substr(0, own.find_first_of(".[")) != std::string_view(path_).substr(0, path_.find_first_of(".["))) return "";
  const auto nearest_of = [word](const Section& section) {
    std::vector<std::string_view> names;
    for (const Key& key : section.keys) names.push_back(key.name);
    return Nearest(word, names);
  };
  for (const Section* section : AllSections()) {
    if (own.empty() || above == own || section->path != above) continue;
    const std::string_view key = nearest_of(*section);
    if (key.empty()) continue;
    const std::string outer = path_.substr(0, path_.find_last_of('.'));
    return text::Concat(" (did you mean '", outer, ".", key, "', a level up?)");
  }
  for (const Section* section : AllSections()) {
    if (!section->path.starts_with(own) || section->path.size() <= own.size() + 1) continue;
    std::string_view inner = section->path.substr(own.size());
    if (!own.empty() && !inner.starts_with('.')) continue;
    if (inner.starts_with('.')) inner.remove_prefix(1);
    if (inner.find_first_of(".[") != std::string_view::npos) continue;
    if (const std::string_view key = nearest_of(*section); !key.empty()) {
      return text::Concat(" (did you mean '", PathOf(inner), ".", key, "'?)");
    }
  }
  return "";
}

}  // namespace sluice
