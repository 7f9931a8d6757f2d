// How much a worker takes at once.
#pragma once

#include <cstdint>

namespace sluice {

// How much may be in flight on a session at once. bytes 0: no limit of its own.
struct Window {
  uint32_t messages = 0;
  uint64_t bytes = 0;
};

}  // namespace sluice
