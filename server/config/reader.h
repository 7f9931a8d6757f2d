// Typed access to one map of the document by its section of the schema. Whatever is wrong becomes a diagnostic, and
// reading goes on, so that one run shows everything.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config/diagnostic.h"
#include "server/config/document.h"
#include "server/config/schema.h"
#include "server/config/surroundings.h"
#include "server/message/message.h"
#include "server/runtime/clock.h"

namespace sluice {

// What all readers of one document share.
class Reading {
 public:
  // `additions`: what errors call the text of each, for Position::source.
  Reading(std::string file, const Surroundings& surroundings, std::vector<std::string> additions = {})
      : file_(std::move(file)), additions_(std::move(additions)), surroundings_(surroundings) {}

  const Surroundings& surroundings() const { return surroundings_; }
  void Error(Position at, std::string message);
  void Warn(Position at, std::string message);
  // "in line 7", for an error that stands at `from`; of another text with its name.
  std::string Place(Position at, Position from) const;
  // Of another file, behind those of this one.
  void AddOthers(std::vector<Diagnostic> errors, std::vector<Diagnostic> warnings);

  // In the order of their positions.
  std::vector<Diagnostic> TakeErrors() { return Take(errors_, other_errors_); }
  std::vector<Diagnostic> TakeWarnings() { return Take(warnings_, other_warnings_); }

 private:
  static std::vector<Diagnostic> Take(std::vector<Diagnostic>& own, std::vector<Diagnostic>& others);
  void Add(std::vector<Diagnostic>& list, Position at, std::string message) const;

  const std::string& NameOf(int source) const;

  const std::string file_;
  const std::vector<std::string> additions_;
  const Surroundings& surroundings_;
  std::vector<Diagnostic> errors_;
  std::vector<Diagnostic> warnings_;
  std::vector<Diagnostic> other_errors_;
  std::vector<Diagnostic> other_warnings_;
};

// A value with its environment references replaced.
struct Text {
  std::string text;
  // How an error may show it: quoted and shortened; with references the text as written, since what they stand
  // for may be a secret.
  std::string shown;
  Position at;
};

// `text` in quotes, without control characters, shortened.
std::string Quoted(std::string_view text);

class MapReader {
 public:
  // `entry` is the map under its key, `path` names it in errors. Reports at once what is no map, and unknown and
  // duplicate keys. An empty value is an empty map.
  MapReader(Reading& reading, const Section& section, const Entry& entry, std::string path);

  // False: not a map at all.
  bool valid() const { return valid_; }
  const std::string& path() const { return path_; }
  std::string PathOf(std::string_view key) const;
  // Of the map's own key.
  Position at() const { return at_; }

  // Null when the key is absent; reports that when the schema requires it.
  const Entry* Find(std::string_view key);

  // Each checks type and range by the schema. False, and `out` untouched, when the key is absent or was
  // reported.
  bool Read(std::string_view key, std::string& out);
  bool Read(std::string_view key, bool& out);
  bool Read(std::string_view key, Qos& out);
  bool Read(std::string_view key, Millis& out);
  bool Read(std::string_view key, std::vector<std::string>& out);
  bool Read(std::string_view key, std::map<std::string, std::vector<std::string>>& out);
  // Numbers, and sizes in bytes.
  template <std::unsigned_integral T>
  bool Read(std::string_view key, T& out) {
    uint64_t value = 0;
    if (!ReadUnsigned(key, value)) return false;
    out = static_cast<T>(value);  // The schema's range fits the field.
    return true;
  }
  // Durations that the wire has in seconds.
  bool ReadSeconds(std::string_view key, uint32_t& out);
  // Any scalar, of whatever type.
  std::optional<Text> ReadText(std::string_view key);
  // One, or a list of them, each with the path for errors. Empty: the key is absent, or all were reported.
  std::vector<std::pair<Text, std::string>> ReadTexts(std::string_view key);

  // "PATH.KEY: found VALUE (WHY)HINT; allowed: …". `why` and `hint` (of DidYouMean) may be empty.
  void Reject(std::string_view key, const Text& value, std::string_view why = {}, std::string_view hint = {});
  // An error about a key's value or, where `key` is absent, about the map.
  void Error(std::string_view key, std::string_view message);
  void Warn(std::string_view key, std::string_view message);

 private:
  const Entry* FindEntry(std::string_view key) const;
  void CheckKey(const Entry& entry);
  std::string KnownElsewhere(std::string_view word) const;
  std::optional<Text> ToText(const Key& key, const Value& value, const std::string& path);
  // The value is none of those that `key` may have: a map, say, where a text is wanted.
  void RejectKind(const Value& value, std::string_view path, std::string_view allowed);
  // Of a list. `hint`: of DidYouMean.
  absl::Status CheckItem(const Key& key, const std::string& item, std::string& hint) const;
  // One text with ':' between the names.
  bool ReadCiphers(std::string_view key, std::vector<std::string>& out);
  bool ReadDuration(std::string_view key, Millis granularity, Millis& out);
  bool ReadUnsigned(std::string_view key, uint64_t& out);
  absl::Status CheckText(const Key& key, const std::string& text) const;

  Reading& reading_;
  const Section& section_;
  const std::string path_;
  const Position at_;
  bool valid_ = true;
  std::vector<const Entry*> entries_;  // By the schema's keys; null: absent.
};

}  // namespace sluice
