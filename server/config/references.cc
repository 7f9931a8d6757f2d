#include "server/config/references.h"

#include "absl/status/status.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

bool IsName(std::string_view name) {
  if (name.empty() || text::IsDigit(name.front())) return false;
  for (char c : name) {
    if (!text::IsAlnum(c) && c != '_') return false;
  }
  return true;
}

absl::Status BadReference() {
  return absl::InvalidArgumentError(
      "holds a '${' that begins no reference; allowed: ${NAME} and ${NAME:-default} without '${' or '}' in the "
      "default, and $$ for a literal $");
}

// `body` is what stands between ${ and }.
absl::StatusOr<std::string> Resolve(std::string_view body, const EnvironmentLookup& lookup, bool show_name) {
  const size_t colon = body.find(":-");
  const std::string_view name = body.substr(0, colon);
  if (!IsName(name)) return BadReference();
  std::optional<std::string> value = lookup(std::string(name));
  if (colon == std::string_view::npos) {
    if (value) return *std::move(value);
    if (!show_name) return absl::NotFoundError("refers to an environment variable that is not set ($$ is a literal $)");
    return absl::NotFoundError(
        text::Concat("environment variable ", name, " is not set; set it, or write ${", name, ":-default}"));
  }
  if (value && !value->empty()) return *std::move(value);
  const std::string_view fallback = body.substr(colon + 2);
  if (fallback.find("${") != std::string_view::npos) return BadReference();
  return std::string(fallback);
}

}  // namespace

absl::StatusOr<std::string> ExpandReferences(std::string_view text, const EnvironmentLookup& lookup, bool secret) {
  std::string expanded;
  const std::string_view whole = text;
  while (!text.empty()) {
    const size_t dollar = text.find('$');
    text::AppendPart(expanded, text.substr(0, dollar));
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar);
    if (text.starts_with("$$")) {
      expanded += '$';
      text.remove_prefix(2);
      continue;
    }
    if (!text.starts_with("${")) {
      expanded += '$';
      text.remove_prefix(1);
      continue;
    }
    const size_t end = text.find('}');
    if (end == std::string_view::npos) return BadReference();
    const bool only_this = text.size() == whole.size() && end + 1 == text.size();
    absl::StatusOr<std::string> value = Resolve(text.substr(2, end - 2), lookup, !secret || only_this);
    if (!value.ok()) return value;
    expanded += *value;
    text.remove_prefix(end + 1);
  }
  return expanded;
}

}  // namespace sluice
