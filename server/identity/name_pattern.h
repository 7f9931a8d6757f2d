// Patterns of principals' names, and of the values of claims.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice {

// Compares byte by byte; no letter stands for another. `*` stands for one or more characters of one part of the name,
// `**` for any, none too. The parts of a name are what stands between '/' and ':', and in "dns:…" also '.', so that
// "spiffe://plant/worker/*" names no worker of a folder below, and "dns:*.plant" no host of another zone.
class NamePattern {
 public:
  // INVALID_ARGUMENT: empty, longer than 512 bytes, not printable, or with three `*` in a row.
  static absl::StatusOr<NamePattern> Parse(std::string_view text);

  bool Matches(std::string_view name) const;
  // Stands for one name only.
  bool exact() const { return exact_; }
  const std::string& text() const { return text_; }

  friend bool operator==(const NamePattern& a, const NamePattern& b) { return a.text_ == b.text_; }

 private:
  explicit NamePattern(std::string text);

  std::string text_;
  bool exact_ = true;
  std::string_view separators_;
};

}  // namespace sluice
