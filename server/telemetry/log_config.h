// What is logged, and how.
#pragma once

#include <string>

namespace sluice {

struct LogConfig {
  std::string level = "info";   // debug, info, warning, error
  std::string format = "auto";  // auto: text on a terminal, else json

  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

}  // namespace sluice
