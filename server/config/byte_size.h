// Sizes as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice {

// "1048576", "64MiB", "10MB": a whole number and, in any case, B, KB, MB, GB (powers of 1000) or KiB, MiB, GiB
// (powers of 1024). In bytes; anything else, also more than 2^63 - 1, is nullopt.
std::optional<uint64_t> ParseByteSize(std::string_view text);

}  // namespace sluice
