#include "server/config/reader.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "server/certificates/ciphers.h"
#include "server/config/address.h"
#include "server/config/byte_size.h"
#include "server/config/duration.h"
#include "server/config/nearest.h"
#include "server/config/references.h"
#include "server/identity/name_pattern.h"
#include "server/identity/reply_filter.h"
#include "server/message/topic.h"
#include "server/route/target.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr size_t kMaxShown = 80;

bool Before(const Diagnostic& a, const Diagnostic& b) {
  return std::pair(a.line, a.column) < std::pair(b.line, b.column);
}

std::string_view KindName(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kNull:
      return "nothing";
    case Value::Kind::kScalar:
      return "a single value";
    case Value::Kind::kList:
      return "a list";
    case Value::Kind::kMap:
      return "a map";
  }
  return "";
}

std::optional<bool> ParseFlag(std::string_view text) {
  for (std::string_view word : {"true", "yes", "on", "1"}) {
    if (text::EqualsIgnoreCase(text, word)) return true;
  }
  for (std::string_view word : {"false", "no", "off", "0"}) {
    if (text::EqualsIgnoreCase(text, word)) return false;
  }
  return std::nullopt;
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Whether an error may show the text of a key that takes a file. Somebody may have put a password there, or what the
// file was to hold.
bool LooksLikePath(std::string_view text) {
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; })) return false;
  if (text.empty() || text.starts_with('/') || text.starts_with("./") || text.starts_with("../") ||
      text.starts_with("~/"))
    return true;
  constexpr std::string_view kEndings[] = {".pem", ".crt", ".cer", ".cert", ".key", ".crl", ".txt"};
  return std::ranges::any_of(kEndings, [text](std::string_view ending) { return text.ends_with(ending); });
}

std::vector<std::string_view> Words(std::string_view allowed) { return text::Split(allowed, '|'); }

}  // namespace

void Reading::Error(Position at, std::string message) { Add(errors_, at, std::move(message)); }
void Reading::Warn(Position at, std::string message) { Add(warnings_, at, std::move(message)); }

void Reading::Add(std::vector<Diagnostic>& list, Position at, std::string message) const {
  Diagnostic diagnostic{.file = file_, .line = at.line, .column = at.column, .message = std::move(message)};
  list.insert(std::upper_bound(list.begin(), list.end(), diagnostic, Before), std::move(diagnostic));
}

std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) {
    if (quoted.size() > kMaxShown && (static_cast<uint8_t>(c) & 0xC0) != 0x80) return quoted + "…'";
    quoted += c != ' ' && text::IsBlankOrControl(c) ? '?' : c;
  }
  return quoted + "'";
}

MapReader::MapReader(Reading& reading, const Section& section, const Entry& entry, std::string path)
    : reading_(reading), section_(section), path_(std::move(path)), at_(entry.at), entries_(section.keys.size()) {
  const Value::Kind kind = entry.value.kind;
  if (kind == Value::Kind::kNull) return;
  if (kind != Value::Kind::kMap) {
    valid_ = false;
    reading_.Error(entry.value.at, text::Concat(path_.empty() ? "the file" : path_, ": found ", KindName(kind),
                                                "; allowed: a map of keys"));
    return;
  }
  for (const Entry& inner : entry.value.entries) CheckKey(inner);
}

std::string MapReader::PathOf(std::string_view key) const {
  return path_.empty() ? std::string(key) : text::Concat(path_, ".", key);
}

const Entry* MapReader::FindEntry(std::string_view key) const {
  const Key& known = section_.Find(key);
  return entries_[static_cast<size_t>(&known - section_.keys.data())];
}

const Entry* MapReader::Find(std::string_view key) {
  const Entry* entry = FindEntry(key);
  const Key& known = section_.Find(key);
  if (entry == nullptr && known.required && valid_) {
    reading_.Error(at_, text::Concat(path_.empty() ? "" : text::Concat(path_, ": "), "key '", key,
                                     "' is missing; allowed: ", Allowed(known)));
  }
  return entry;
}

std::optional<Text> MapReader::ToText(const Key& key, const Value& value, const std::string& path) {
  if (value.kind != Value::Kind::kScalar) {
    reading_.Error(value.at, text::Concat(path, ": found ", KindName(value.kind), "; allowed: ", Allowed(key)));
    return std::nullopt;
  }
  Text result{.text = value.text, .shown = Quoted(value.text), .at = value.at};
  const bool secret = key.type == KeyType::kSecret;
  if (secret || value.alias) result.shown = "a value that is not shown";
  const bool names_file = key.type == KeyType::kFile || key.type == KeyType::kFileOrDirectory;
  if (names_file && !LooksLikePath(value.text) && !text::Contains(value.text, "${")) {
    result.shown = "a text that is not shown, as it does not look like a path";
  }
  if (value.literal || key.type == KeyType::kTarget || key.type == KeyType::kReplyFilters) return result;
  absl::StatusOr<std::string> expanded = ExpandReferences(value.text, reading_.surroundings().environment, secret);
  if (!expanded.ok()) {
    reading_.Error(value.at, text::Concat(path, ": ", text::Message(expanded.status())));
    return std::nullopt;
  }
  if (!secret && !value.alias && *expanded != value.text && text::Contains(value.text, "${")) {
    text::AppendPart(result.shown, " with its environment references replaced");
  }
  result.text = *std::move(expanded);
  return result;
}

std::optional<Text> MapReader::ReadText(std::string_view key) {
  const Entry* entry = Find(key);
  if (entry == nullptr) return std::nullopt;
  return ToText(section_.Find(key), entry->value, PathOf(key));
}

void MapReader::Reject(std::string_view key, const Text& value, std::string_view why, std::string_view hint) {
  reading_.Error(value.at, text::Concat(PathOf(key), ": found ", value.shown, why.empty() ? "" : " (", why,
                                        why.empty() ? "" : ")", hint, "; allowed: ", Allowed(section_.Find(key))));
}

void MapReader::Error(std::string_view key, std::string_view message) {
  const Entry* entry = FindEntry(key);
  reading_.Error(entry == nullptr ? at_ : entry->value.at,
                 text::Concat(entry == nullptr ? path_ : PathOf(key), ": ", message));
}

void MapReader::Warn(std::string_view key, std::string_view message) {
  const Entry* entry = FindEntry(key);
  reading_.Warn(entry == nullptr ? at_ : entry->value.at,
                text::Concat(entry == nullptr ? path_ : PathOf(key), ": ", message));
}

namespace {

absl::Status CheckChainPattern(const std::string& text) {
  if (text.empty()) return absl::InvalidArgumentError("is empty");
  if (text.size() > kMaxTargetNameBytes) return absl::InvalidArgumentError("has more than 256 bytes");
  if (std::ranges::any_of(text, text::IsBlankOrControl)) {
    return absl::InvalidArgumentError("has a blank or control character");
  }
  return CheckMqttString(text);
}

}  // namespace

absl::Status MapReader::CheckText(const Key& key, const std::string& text) const {
  switch (key.type) {
    case KeyType::kFile: {
      if (text.empty()) return absl::InvalidArgumentError("is empty");
      if (absl::Status status = CheckNoTilde(text); !status.ok()) return status;
      return reading_.surroundings().check_file(text);
    }
    case KeyType::kPath:
      return CheckNoTilde(text);
    case KeyType::kFileOrDirectory: {
      if (text.empty()) return absl::InvalidArgumentError("is empty");
      if (absl::Status status = CheckNoTilde(text); !status.ok()) return status;
      return reading_.surroundings().files_of(text).status();
    }
    case KeyType::kCiphers:
      return CheckCipher(text);
    case KeyType::kTopic: {
      const absl::Status status = CheckTopicName(text);
      return status.ok() ? CheckNoControlCharacters(text) : status;
    }
    case KeyType::kFilter:
      return ParseSubscription(text).status();
    case KeyType::kFilterList:
      if (text.starts_with("$share/")) return absl::InvalidArgumentError("is a shared subscription");
      return CheckTopicFilter(text);
    case KeyType::kChainPatterns:
      return CheckChainPattern(text);
    case KeyType::kNamePatterns:
    case KeyType::kClaims:
      return NamePattern::Parse(text).status();
    case KeyType::kReplyFilters:
      return ReplyFilter::Parse(text).status();
    case KeyType::kTextList:
      return text.empty() ? absl::InvalidArgumentError("is empty") : CheckMqttString(text);
    case KeyType::kAlpnList:
      if (text.empty() || text.size() > 255) return absl::InvalidArgumentError("is empty or too long");
      return CheckMqttString(text);
    case KeyType::kListen:
      return text.empty() ? absl::OkStatus() : CheckListenAddress(text, false);
    case KeyType::kListenUnixOrNone:
      return text.empty() ? absl::OkStatus() : CheckListenAddress(text, true);
    case KeyType::kListenOrUnix:
      return CheckListenAddress(text, true);
    default:
      return CheckMqttString(text);
  }
}

bool MapReader::Read(std::string_view key, std::string& out) {
  std::optional<Text> value = ReadText(key);
  if (!value) return false;
  const Key& known = section_.Find(key);
  if (known.type == KeyType::kChoice) {
    const std::vector<std::string_view> words = Words(known.allowed);
    if (std::find(words.begin(), words.end(), value->text) == words.end()) {
      Reject(key, *value, {}, DidYouMean(value->text, words));
      return false;
    }
  } else if (absl::Status status = CheckText(known, value->text); !status.ok()) {
    Reject(key, *value, text::Message(status));
    return false;
  }
  out = std::move(value->text);
  return true;
}

bool MapReader::Read(std::string_view key, bool& out) {
  std::optional<Text> value = ReadText(key);
  if (!value) return false;
  const std::optional<bool> flag = ParseFlag(value->text);
  if (!flag) {
    Reject(key, *value);
    return false;
  }
  out = *flag;
  return true;
}

bool MapReader::Read(std::string_view key, Qos& out) {
  std::optional<Text> value = ReadText(key);
  if (!value) return false;
  const std::optional<uint64_t> qos = ParseNumber(value->text);
  if (!qos || *qos > 2) {
    Reject(key, *value);
    return false;
  }
  out = static_cast<Qos>(*qos);
  return true;
}

bool MapReader::ReadDuration(std::string_view key, Millis granularity, Millis& out) {
  std::optional<Text> value = ReadText(key);
  if (!value) return false;
  const Key& known = section_.Find(key);
  const std::optional<Millis> duration =
      known.type == KeyType::kDurationOrSeconds ? ParseDurationOrSeconds(value->text) : ParseDuration(value->text);
  const Range range = SplitRange(known.allowed);
  if (!duration || *duration < ParseDuration(range.min) || *duration > ParseDuration(range.max)) {
    Reject(key, *value);
    return false;
  }
  if (*duration % granularity != Millis{0}) {
    Reject(key, *value, "not whole seconds");
    return false;
  }
  out = *duration;
  return true;
}

bool MapReader::Read(std::string_view key, Millis& out) { return ReadDuration(key, Millis{1}, out); }

bool MapReader::ReadSeconds(std::string_view key, uint32_t& out) {
  Millis duration{0};
  if (!ReadDuration(key, Millis{1'000}, duration)) return false;
  out = static_cast<uint32_t>(duration.count() / 1'000);
  return true;
}

bool MapReader::ReadUnsigned(std::string_view key, uint64_t& out) {
  std::optional<Text> value = ReadText(key);
  if (!value) return false;
  const Key& known = section_.Find(key);
  auto parse = known.type == KeyType::kBytes ? ParseByteSize : ParseNumber;
  const std::optional<uint64_t> number = parse(value->text);
  const Range range = SplitRange(known.allowed);
  if (!number || *number < parse(range.min) || *number > parse(range.max)) {
    Reject(key, *value);
    return false;
  }
  out = *number;
  return true;
}

bool MapReader::Read(std::string_view key, std::map<std::string, std::vector<std::string>>& out) {
  const Entry* entry = Find(key);
  if (entry == nullptr) return false;
  const Key& known = section_.Find(key);
  if (entry->value.kind != Value::Kind::kMap) {
    reading_.Error(entry->value.at,
                   text::Concat(PathOf(key), ": found ", KindName(entry->value.kind), "; allowed: ", Allowed(known)));
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
    const absl::Status status = CheckCipher(name);
    if (!status.ok()) {
      good = false;
      const std::string hint = absl::IsNotFound(status) ? DidYouMean(name, CipherNames()) : "";
      Reject(key, *value, text::Concat(Quoted(name), " ", text::Message(status)), hint);
    }
    names.emplace_back(name);
  }
  if (good) out = std::move(names);
  return good;
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
    reading_.Error(entry->value.at,
                   text::Concat(PathOf(key), ": found ", KindName(entry->value.kind), "; allowed: ", Allowed(known)));
    return false;
  }
  std::vector<std::string> list;
  for (size_t i = 0; i < entry->value.items.size(); ++i) {
    const std::string path = text::Concat(PathOf(key), "[", i, "]");
    std::optional<Text> item = ToText(known, entry->value.items[i], path);
    if (!item) continue;
    absl::Status status;
    std::string hint;
    if (known.type == KeyType::kCiphers) {
      status = CheckText(known, item->text);
      if (absl::IsNotFound(status)) hint = DidYouMean(item->text, CipherNames());
    } else if (known.type == KeyType::kProcessors || known.type == KeyType::kWords) {
      const std::vector<std::string_view> words = Words(known.allowed);
      if (std::find(words.begin(), words.end(), item->text) == words.end()) {
        status = absl::InvalidArgumentError(known.type == KeyType::kWords ? "no such name" : "no such processor");
        hint = DidYouMean(item->text, words);
      }
    } else {
      status = CheckText(known, item->text);
    }
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
