// Shows something once, or again and again.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/cpp/ctl/console.h"

namespace sluice::ctl {

// Prints what `look` says; with `every` again and again, until an error or until the console's sleep() says so. On a
// terminal each takes the place of the one before, but not in JSON.
int Watch(const std::function<absl::StatusOr<std::string>()>& look, std::optional<std::chrono::milliseconds> every,
          bool json, const Console& console);

}  // namespace sluice::ctl
