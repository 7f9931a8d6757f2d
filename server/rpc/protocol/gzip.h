// Messages that were packed with gzip. zlib stays behind gzip.cc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::rpc {

// RESOURCE_EXHAUSTED: it is more than `max_bytes`, of which no more was unpacked. INTERNAL: it is no gzip.
absl::StatusOr<std::string> Gunzip(std::string_view packed, size_t max_bytes);

}  // namespace sluice::rpc
