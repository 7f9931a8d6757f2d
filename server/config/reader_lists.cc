// Keys that hold several values.
#include <algorithm>
#include <utility>

#include "server/certificates/ciphers.h"
#include "server/config/nearest.h"
#include "server/config/reader.h"
#include "server/runtime/text.h"

namespace sluice {

absl::Status MapReader::CheckItem(const Key& key, const std::string& item, std::string& hint) const {
  if (key.type != KeyType::kProcessors && key.type != KeyType::kWords) {
    absl::Status status = CheckText(key, item);
    if (key.type == KeyType::kCiphers && absl::IsNotFound(status)) hint = DidYouMean(item, CipherNames());
    return status;
  }
  const std::vector<std::string_view> words = text::Split(key.allowed, '|');
  if (std::ranges::find(words, item) != words.end()) return absl::OkStatus();
  hint = DidYouMean(item, words);
  return absl::InvalidArgumentError(key.type == KeyType::kWords ? "no such name" : "no such processor");
}

bool MapReader::Read(std::string_view key, std::map<std::string, std::vector<std::string>>& out) {
  const Entry* entry = Find(key);
  if (entry == nullptr) return false;
  const Key& known = section_.Find(key);
  if (entry->value.kind != Value::Kind::kMap) {
    RejectKind(entry->value, PathOf(key), Allowed(known));
    return false;
  }
  for (const Entry& named : entry->value.entries) {
    const std::string path = text::Concat(PathOf(key), ".", named.key);
    // A text stands for a list of one.
    std::vector<Value> items = named.value.items;
    if (named.value.kind != Value::Kind::kList) items = {named.value};
    for (const Value& item : items) {
      std::optional<Text> value = ToText(known, item, path);
      if (!value) continue;
      if (absl::Status status = CheckText(known, value->text); !status.ok()) {
        reading_.Error(value->at, text::Concat(path, ": found ", value->shown, " (", text::Message(status),
                                               "); allowed: ", Allowed(known)));
        continue;
      }
      out[named.key].push_back(std::move(value->text));
    }
  }
  return true;
}

bool MapReader::ReadCiphers(std::string_view key, std::vector<std::string>& out) {
  const std::optional<Text> value = ReadText(key);
  if (!value) return false;
  std::vector<std::string> names;
  bool good = true;
  for (const std::string_view name : text::Split(value->text, ':')) {
    std::string hint;
    const absl::Status status = CheckItem(section_.Find(key), names.emplace_back(name), hint);
    if (status.ok()) continue;
    good = false;
    Reject(key, *value, text::Concat(Quoted(name), " ", text::Message(status)), hint);
  }
  if (good) out = std::move(names);
  return good;
}

std::vector<std::pair<Text, std::string>> MapReader::ReadTexts(std::string_view key) {
  std::vector<std::pair<Text, std::string>> texts;
  const Entry* entry = Find(key);
  if (entry == nullptr) return texts;
  if (entry->value.kind != Value::Kind::kList) {
    if (std::optional<Text> only = ReadText(key)) texts.emplace_back(*std::move(only), PathOf(key));
    return texts;
  }
  if (entry->value.items.empty()) {
    Error(key, text::Concat("found an empty list; allowed: ", Allowed(section_.Find(key))));
  }
  for (size_t i = 0; i < entry->value.items.size(); ++i) {
    std::string path = text::Concat(PathOf(key), "[", i, "]");
    if (std::optional<Text> item = ToText(section_.Find(key), entry->value.items[i], path)) {
      texts.emplace_back(*std::move(item), std::move(path));
    }
  }
  return texts;
}

bool MapReader::Read(std::string_view key, std::vector<std::string>& out) {
  const Entry* entry = Find(key);
  if (entry == nullptr) return false;
  const Key& known = section_.Find(key);
  if (known.type == KeyType::kCiphers && entry->value.kind == Value::Kind::kScalar) {
    return ReadCiphers(key, out);
  }
  if (known.type == KeyType::kAlpnList && entry->value.kind == Value::Kind::kScalar) {
    std::string only;
    if (!Read(key, only)) return false;
    out = {std::move(only)};
    return true;
  }
  if (entry->value.kind != Value::Kind::kList) {
    RejectKind(entry->value, PathOf(key), Allowed(known));
    return false;
  }
  std::vector<std::string> list;
  for (size_t i = 0; i < entry->value.items.size(); ++i) {
    const std::string path = text::Concat(PathOf(key), "[", i, "]");
    std::optional<Text> item = ToText(known, entry->value.items[i], path);
    if (!item) continue;
    std::string hint;
    const absl::Status status = CheckItem(known, item->text, hint);
    if (status.ok()) {
      list.push_back(std::move(item->text));
    } else {
      reading_.Error(item->at, text::Concat(path, ": found ", item->shown, " (", text::Message(status), ")", hint,
                                            "; allowed: ", Allowed(known)));
    }
  }
  out = std::move(list);
  return true;
}

}  // namespace sluice
