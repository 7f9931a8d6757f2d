// How long to wait before the next attempt: exponential, jittered so that the clients of a broker that comes back do
// not all come back at once.
#pragma once

#include <cstdint>
#include <random>

#include "server/runtime/clock.h"

namespace sluice {

// Not thread-safe.
class Backoff {
 public:
  // Delays start at `initial` (held down to `max`) and double up to `max`. Equal seeds give equal delays.
  Backoff(Millis initial, Millis max, uint64_t seed);

  // The delay before the next attempt: uniformly between half of the current step and the step. Never less than
  // `at_least` (held down to `max`).
  Millis Next(Millis at_least = Millis{0});
  // The last attempt held: starts over.
  void Reset() { step_ = initial_; }

 private:
  Millis initial_;
  Millis max_;
  Millis step_;
  std::minstd_rand random_;
};

// A seed that differs between connections, processes and replicas.
uint64_t RandomSeed();

}  // namespace sluice
