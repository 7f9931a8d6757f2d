#include "client/cpp/ctl/watch.h"

#include "client/cpp/ctl/commands.h"

namespace sluice::ctl {

int Watch(const std::function<absl::StatusOr<std::string>()>& look, std::optional<std::chrono::milliseconds> every,
          bool json, const Console& console) {
  const bool redraws = every && console.terminal && !json;
  for (bool first = true;; first = false) {
    const absl::StatusOr<std::string> text = look();
    if (!text.ok()) return Fail(text.status(), console);
    if (redraws) {
      console.out << "\x1b[H\x1b[2J";
    } else if (!first && !json) {
      console.out << "\n";
    }
    console.out << *text << std::flush;
    if (!every || !console.out || !console.sleep || !console.sleep(*every)) return kOk;
  }
}

}  // namespace sluice::ctl
