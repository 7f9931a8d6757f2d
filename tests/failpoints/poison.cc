#include "tests/failpoints/poison.h"

#include <unistd.h>

#include <csignal>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

constexpr std::pair<std::string_view, Poison::When> kNames[] = {
    {"taken", Poison::When::kTaken},         {"appended", Poison::When::kAppended},   {"read", Poison::When::kRead},
    {"delivered", Poison::When::kDelivered}, {"published", Poison::When::kPublished}, {"kept", Poison::When::kKept},
};

}  // namespace

absl::StatusOr<Poison> Poison::Parse(std::string_view text) {
  if (text.empty()) return Poison(When::kRead, "");
  const size_t colon = text.find(':');
  for (const auto& [name, when] : kNames) {
    if (colon != std::string_view::npos && colon + 1 < text.size() && text.substr(0, colon) == name) {
      return Poison(when, std::string(text.substr(colon + 1)));
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("'", std::string(text), "' is no WHEN:TEXT"));
}

void Poison::Taste(When when, std::string_view payload) const {
  if (text_.empty() || when != when_ || payload.find(text_) == std::string_view::npos) return;
  kill(getpid(), SIGKILL);
  while (true) pause();
}

GatewaySeams Poison::seams() const {
  const auto at = [this](When when) { return [this, when](const Message& message) { Taste(when, message.payload); }; };
  GatewaySeams seams;
  if (when_ == When::kRead) seams.read_back = at(When::kRead);
  if (when_ == When::kDelivered) seams.delivered = at(When::kDelivered);
  if (when_ == When::kKept) seams.kept = at(When::kKept);
  return seams;
}

}  // namespace sluice
