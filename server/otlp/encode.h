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

// The body of a request. `version`: the gateway's.
std::string EncodeSpans(std::span<const Span> spans, const OtlpResource& resource, const std::string& version);

// What a collector says that it did not take of a request that it answered with 200.
struct Rejected {
  uint64_t spans = 0;
  std::string why;
};
// Of a body that is none: nothing.
Rejected RejectedIn(std::string_view body);

}  // namespace sluice
