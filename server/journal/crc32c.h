// CRC-32C (Castagnoli, RFC 3720 §B.4), by the processor's instructions where it has them.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

// `seed`: the checksum of what stands before `bytes`, or any number that is to count too.
uint32_t Crc32c(std::string_view bytes, uint32_t seed = 0);

}  // namespace sluice
