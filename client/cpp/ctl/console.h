// Where sluicectl writes, and whom it asks.
#pragma once

#include <chrono>
#include <functional>
#include <istream>
#include <optional>
#include <ostream>
#include <string>

namespace sluice::ctl {

// Exit statuses.
inline constexpr int kOk = 0;
inline constexpr int kFailure = 1;
inline constexpr int kUsage = 2;

struct Console {
  std::ostream& out;
  std::ostream& err;
  std::istream& in;
  bool interactive = false;  // Somebody can answer at `in`.
  std::function<std::optional<std::string>(const char* name)> environment;
  bool terminal = false;  // `out` is one.
  bool colour = false;    // And it shows colours that nobody minds (NO_COLOR).
  // Before something is shown again; false: it is not to be. Null: nothing is.
  std::function<bool(std::chrono::milliseconds)> sleep = nullptr;
};

}  // namespace sluice::ctl
