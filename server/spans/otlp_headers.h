// What `telemetry.otlp.headersFile` holds. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice {

inline constexpr size_t kMostOtlpHeaderBytes = size_t{64} * 1'024;  // Of the file.

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// Lines of "NAME: VALUE"; empty ones and those that begin with '#' do not count. An error names the line and shows
// nothing of it.
absl::StatusOr<HttpHeaders> ParseHeaders(std::string_view text);

}  // namespace sluice
