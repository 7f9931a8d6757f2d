// How much is kept of what has happened to messages.
#pragma once

#include <cstddef>

#include "server/runtime/clock.h"

namespace sluice {

struct TracingConfig {
  Millis keep{600'000};        // At most so old. 0: nothing is kept.
  size_t max_steps = 100'000;  // A message that is answered has five.
  size_t max_bytes = 8u << 20;
  size_t max_steps_per_second = 5'000;  // Above it, of some messages only. 0: no bound.

  friend bool operator==(const TracingConfig&, const TracingConfig&) = default;
};

}  // namespace sluice
