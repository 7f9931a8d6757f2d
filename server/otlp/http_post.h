// What stands in a POST to a collector, and what its answer means. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/net/http_response.h"
#include "server/otlp/exporter.h"

namespace sluice {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// Lines of "NAME: VALUE"; empty ones and those that begin with '#' do not count. An error names the line and shows
// nothing of it.
absl::StatusOr<HttpHeaders> ParseHeaders(std::string_view text);

// The head of a request with a body of protobuf.
std::string PostHead(std::string_view path, std::string_view authority, const HttpHeaders& headers, size_t body_bytes);

// As OTLP says which are worth another try.
SendOutcome OutcomeOf(const ParsedResponse& response);

}  // namespace sluice
