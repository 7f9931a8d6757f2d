// A YAML document as a plain tree whose every part knows its position. yaml-cpp stays behind document.cc.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "server/config/diagnostic.h"

namespace sluice {

struct Entry;

struct Value {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  Position at;
  std::string text;            // Of a scalar, without quotes and escapes; valid UTF-8, at most 65,535 bytes, no U+0000.
  bool literal = false;        // Environment references are not expanded in it.
  bool alias = false;          // A scalar written elsewhere, maybe as a password: errors must not show it.
  std::vector<Value> items;    // Of a list.
  std::vector<Entry> entries;  // Of a map, in the document's order, duplicates and all.

  static Value Scalar(std::string text, Position at);
};

struct Entry {
  std::string key;
  Position at;
  Value value;
};

inline Value Value::Scalar(std::string text, Position at) {
  Value value;
  value.kind = Kind::kScalar;
  value.at = at;
  value.text = std::move(text);
  return value;
}

// The document in `text`: one error for YAML that cannot be read. Aliases (*name) stand as copies of what they name.
// More than one document, more than 100,000 values (also by aliases of aliases), aliases of themselves and keys that
// are lists or maps are errors. An empty text is null.
std::variant<Value, Diagnostic> ParseDocument(std::string_view text, const std::string& file);

}  // namespace sluice
