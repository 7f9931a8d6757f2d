// Errors of the loader as one text.
#pragma once

#include <string>
#include <vector>

#include "server/config/diagnostic.h"

namespace sluice::reload {

// A line each.
inline std::string Lines(const std::vector<Diagnostic>& errors) {
  std::string lines;
  for (const Diagnostic& error : errors) {
    if (!lines.empty()) lines += '\n';
    lines += error.ToString();
  }
  return lines;
}

}  // namespace sluice::reload
