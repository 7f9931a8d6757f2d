// How long a retry waits when the worker does not say.
#pragma once

#include <cstdint>
#include <random>

#include "server/route/route.h"

namespace sluice {

// Single-threaded. Equal seeds give equal pauses.
class RetryBackoff {
 public:
  explicit RetryBackoff(uint64_t seed) : random_(seed) {}

  // The pause after `attempts` (at least 1) that count: retry_backoff, doubled with each further attempt, ± 25 % so
  // that what failed together does not come back together; never above max_retry_backoff.
  Millis Pause(const ChainOptions& options, uint32_t attempts);

 private:
  std::minstd_rand random_;
};

}  // namespace sluice
