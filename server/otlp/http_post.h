// What stands in a POST to a collector, and what its answer means. Pure.
#pragma once

#include <string>
#include <string_view>

#include "server/net/http_response.h"
#include "server/otlp/exporter.h"
#include "server/spans/otlp_headers.h"

namespace sluice {

// The head of a request with a body of protobuf.
std::string PostHead(std::string_view path, std::string_view authority, const HttpHeaders& headers, size_t body_bytes);

// As OTLP says which are worth another try.
SendOutcome OutcomeOf(const ParsedResponse& response);

}  // namespace sluice
