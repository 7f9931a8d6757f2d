// What `telemetry.otlp.headersFile` holds. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// Lines of "NAME: VALUE"; empty ones and those that begin with '#' do not count. An error names the line and shows
// nothing of it.
absl::StatusOr<HttpHeaders> ParseHeaders(std::string_view text);

}  // namespace sluice
