// When intake rests, and when shared filters are left to others.
#pragma once

#include <cstdint>

#include "server/runtime/clock.h"

namespace sluice {

// What the gateway does while more comes in than goes out.
struct PressureConfig {
  // Gateways that share the shared filters. With 1 nothing is left: nobody else would get it. 0: not said; then they
  // are left at the end only.
  uint32_t replicas = 0;
  // How long a connection rests before it leaves its shared filters. 0: never.
  Millis leave_share_after{30'000};
  // How long a chain is without workers before the shared filters that feed only such chains are left. 0: never.
  Millis no_workers_after{300'000};
  // Percent of the journal's bounds at which intake rests, and to which it must fall before intake goes on.
  uint32_t high = 90;
  uint32_t low = 75;

  friend bool operator==(const PressureConfig&, const PressureConfig&) = default;
};

}  // namespace sluice
