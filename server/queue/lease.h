// How long a worker has for a delivery.
#pragma once

#include <algorithm>

#include "server/route/route.h"
#include "server/runtime/clock.h"

namespace sluice {

// A worker may not ask for less.
inline constexpr Millis kShortestLease{1'000};

// What a delivery starts with. `asked` by the worker for all of its deliveries; 0: the chain's own.
inline Millis StartLease(Millis asked, const ChainOptions& options) {
  if (asked.count() == 0) return std::min(options.lease, options.max_lease);
  return std::min(std::max(asked, kShortestLease), options.max_lease);
}

}  // namespace sluice
