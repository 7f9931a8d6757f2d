// How many user properties a message may have.
#pragma once

#include <cstddef>

namespace sluice {

// Empty ones cost twenty times as much in memory as in a packet, so that one packet of some megabytes could take a
// gigabyte. Nobody has so many: what has more is no message, on its way in, and no reply.
inline constexpr size_t kMaxUserProperties = 1'000;

}  // namespace sluice
