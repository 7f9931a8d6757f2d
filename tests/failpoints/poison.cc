#include "tests/failpoints/poison.h"

#include <unistd.h>

#include <csignal>

#include "absl/strings/str_cat.h"

namespace sluice {

absl::StatusOr<GatewaySeams> ParsePoison(std::string_view text) {
  GatewaySeams seams;
  if (text.empty()) return seams;
  const size_t colon = text.find(':');
  const std::string_view when = text.substr(0, colon);
  if (colon == std::string_view::npos || colon + 1 == text.size() || (when != "read" && when != "delivered")) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", std::string(text), "' is neither read:TEXT nor delivered:TEXT"));
  }
  auto die = [poison = std::string(text.substr(colon + 1))](const Message& message) {
    if (message.payload.find(poison) == std::string_view::npos) return;
    kill(getpid(), SIGKILL);
    while (true) pause();
  };
  (when == "read" ? seams.read_back : seams.delivered) = std::move(die);
  return seams;
}

}  // namespace sluice
