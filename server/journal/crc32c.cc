#include "server/journal/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace sluice {

uint32_t Crc32c(std::string_view bytes, uint32_t seed) {
  uint32_t state = ~seed;
  while (!bytes.empty()) {
    constexpr size_t kMost = 1u << 30;  // The library counts in int.
    const size_t size = std::min(bytes.size(), kMost);
    // It takes a pointer to what it does not change.
    state =
        crc32_iscsi(reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data())), static_cast<int>(size), state);
    bytes.remove_prefix(size);
  }
  return ~state;
}

}  // namespace sluice
