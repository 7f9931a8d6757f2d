#include "server/identity/name_pattern.h"

#include <algorithm>
#include <vector>

#include "server/identity/text.h"

namespace sluice {
namespace {

constexpr size_t kMostBytes = 512;

}  // namespace

NamePattern::NamePattern(std::string text)
    : text_(std::move(text)),
      exact_(text_.find('*') == std::string::npos),
      separators_(text_.starts_with("dns:") ? "/:." : "/:") {}

absl::StatusOr<NamePattern> NamePattern::Parse(std::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("is empty");
  if (text.size() > kMostBytes) return absl::InvalidArgumentError("is longer than 512 bytes");
  if (std::ranges::any_of(text, IsControl)) {
    return absl::InvalidArgumentError("holds a control character");
  }
  if (text.find("***") != std::string_view::npos) {
    return absl::InvalidArgumentError("holds '***', where '*' is a part of a name and '**' any number of them");
  }
  return NamePattern(std::string(text));
}

bool NamePattern::Matches(std::string_view name) const {
  if (exact_) return name == text_;
  // reach[i]: what has been read of the pattern can stand for the first i bytes of the name. Each step costs the
  // length of the name, whatever the pattern: no name of a stranger makes it slow.
  std::vector<char> reach(name.size() + 1, 0);
  reach[0] = 1;
  for (size_t p = 0; p < text_.size(); ++p) {
    std::vector<char> next(name.size() + 1, 0);
    if (text_[p] != '*') {
      for (size_t i = 0; i < name.size(); ++i) next[i + 1] = static_cast<char>(reach[i] != 0 && name[i] == text_[p]);
    } else if (p + 1 < text_.size() && text_[p + 1] == '*') {
      ++p;
      bool any = false;
      for (size_t i = 0; i <= name.size(); ++i) next[i] = static_cast<char>(any = any || reach[i] != 0);
    } else {
      for (size_t i = 0; i < name.size(); ++i) {
        const bool within = separators_.find(name[i]) == std::string_view::npos;
        next[i + 1] = static_cast<char>(within && (reach[i] != 0 || next[i] != 0));
      }
    }
    reach = std::move(next);
  }
  return reach.back() != 0;
}

}  // namespace sluice
