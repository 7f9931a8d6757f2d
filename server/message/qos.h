// How surely a message arrives.
#pragma once

#include <cstdint>

namespace sluice {

// MQTT 5.0 §4.3.
enum class Qos : uint8_t { kAtMostOnce = 0, kAtLeastOnce = 1, kExactlyOnce = 2 };

}  // namespace sluice
