// How many dead letters are kept.
#pragma once

#include <cstdint>

#include "server/runtime/clock.h"

namespace sluice {

// At a bound the oldest go, counted and logged; the newest stays, whatever its size.
struct DeadLetterLimits {
  uint64_t max_messages = 100'000;    // At least 1.
  uint64_t max_bytes = 1ull << 30;    // Of StoredLetter::bytes(); the file may be somewhat larger.
  Millis max_age{720LL * 3'600'000};  // Since they died; 0: they never go of age.

  friend bool operator==(const DeadLetterLimits&, const DeadLetterLimits&) = default;
};

}  // namespace sluice
