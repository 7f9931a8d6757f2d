#include "server/config/reader.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <tuple>
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
  return std::tuple(a.source, a.line, a.column) < std::tuple(b.source, b.line, b.column);
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

}  // namespace

void Reading::Error(Position at, std::string message) { Add(errors_, at, std::move(message)); }
void Reading::Warn(Position at, std::string message) { Add(warnings_, at, std::move(message)); }

void Reading::AddOthers(std::vector<Diagnostic> errors, std::vector<Diagnostic> warnings) {
  std::ranges::move(errors, std::back_inserter(other_errors_));
  std::ranges::move(warnings, std::back_inserter(other_warnings_));
}

std::vector<Diagnostic> Reading::Take(std::vector<Diagnostic>& own, std::vector<Diagnostic>& others) {
  std::vector<Diagnostic> all = std::move(own);
  std::ranges::move(others, std::back_inserter(all));
  return all;
}

void Reading::Add(std::vector<Diagnostic>& list, Position at, std::string message) const {
  Diagnostic diagnostic{.file = NameOf(at.source),
                        .line = at.line,
                        .column = at.column,
                        .message = std::move(message),
                        .source = at.source};
  list.insert(std::upper_bound(list.begin(), list.end(), diagnostic, Before), std::move(diagnostic));
}

const std::string& Reading::NameOf(int source) const {
  return source == 0 ? file_ : additions_[static_cast<size_t>(source) - 1];
}

std::string Reading::Place(Position at, Position from) const {
  const std::string line = text::Concat("in line ", at.line);
  return at.source == from.source ? line : text::Concat(line, " of ", NameOf(at.source));
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
    RejectKind(entry.value, path_.empty() ? "the file" : path_, "a map of keys");
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

void MapReader::RejectKind(const Value& value, std::string_view path, std::string_view allowed) {
  reading_.Error(value.at, text::Concat(path, ": found ", KindName(value.kind), "; allowed: ", allowed));
}

std::optional<Text> MapReader::ToText(const Key& key, const Value& value, const std::string& path) {
  if (value.kind != Value::Kind::kScalar) {
    RejectKind(value, path, Allowed(key));
    return std::nullopt;
  }
  Text result{.text = value.text, .shown = Quoted(value.text), .at = value.at};
  const bool secret = key.type == KeyType::kSecret;
  if (secret || value.alias) result.shown = "a value that is not shown";
  const bool names_file = key.type == KeyType::kFile || key.type == KeyType::kFileOrDirectory;
  if (names_file && !LooksLikePath(value.text) && !text::Contains(value.text, "${")) {
    result.shown = "a text that is not shown, as it does not look like a path (a file beside: ./NAME)";
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
    const std::vector<std::string_view> words = text::Split(known.allowed, '|');
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

}  // namespace sluice
