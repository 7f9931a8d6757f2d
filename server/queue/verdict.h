// What a worker says of a delivery when it settles it.
#pragma once

#include <cstdint>

namespace sluice {

enum class Verdict : uint8_t { kAck, kRetry, kReject, kDrop };

}  // namespace sluice
