#include "server/mqtt/backoff.h"

#include <algorithm>

namespace sluice {

Backoff::Backoff(Millis initial, Millis max, uint64_t seed)
    : initial_(std::max(Millis{1}, std::min(initial, max))),
      max_(std::max(Millis{1}, max)),
      step_(initial_),
      random_([seed] {
        // Mixes the seed: the first numbers of near seeds are near otherwise.
        std::seed_seq sequence{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
        return std::minstd_rand(sequence);
      }()) {}

Millis Backoff::Next(Millis at_least) {
  Millis step = step_;
  step_ = std::min(max_, step_ * 2);
  std::uniform_int_distribution<int64_t> within(std::max<int64_t>(1, step.count() / 2), step.count());
  return std::max(Millis{within(random_)}, std::min(at_least, max_));
}

uint64_t RandomSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

}  // namespace sluice
