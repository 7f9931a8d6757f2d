// Spans as OTLP has them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/spans/span.h"

namespace sluice {

// Of the process that makes the spans: service.name and others.
using OtlpResource = std::vector<std::pair<std::string, std::string>>;

// As it stands in a request.
std::string EncodeSpan(const Span& span);

// The body of a request with what EncodeSpan() made. `version`: the gateway's.
std::string EncodeRequest(std::span<const std::string> spans, const OtlpResource& resource, const std::string& version);

// What a collector says that it did not take of a request that it answered with 200.
struct Rejected {
  uint64_t spans = 0;
  std::string why;
};
// Of a body that is none: nothing.
Rejected RejectedIn(std::string_view body);

}  // namespace sluice
