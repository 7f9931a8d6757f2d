// When what the journal has written is on the disk, and not only out of the process.
#pragma once

#include <cstdint>

namespace sluice {

// A killed process loses nothing with any of them.
enum class Fsync : uint8_t {
  kOff,       // never: a power loss may lose anything.
  kInterval,  // A power loss may lose what came in since the last sync.
  kAlways,    // A power loss loses nothing: calls return when their batch is on the disk; those that wait share a sync.
};

}  // namespace sluice
