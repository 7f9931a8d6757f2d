#include "server/tap/trace_sample.h"

#include <algorithm>
#include <chrono>

namespace sluice {
namespace {

// Going back to more waits for this much room, so that a rate at the bound does not swing between two levels.
constexpr double kRoom = 1.25;

}  // namespace

unsigned TraceSample::LevelFor(double steps_per_second) const {
  if (most_ == 0) return 0;
  unsigned level = 0;
  for (double kept = steps_per_second; kept > static_cast<double>(most_) && level < kMostLevel; kept /= 2) ++level;
  return level;
}

void TraceSample::Adapt(uint64_t steps, SteadyTime now) {
  MutexLock lock(mutex_);
  const double seconds = std::chrono::duration<double>(now - counted_at_).count();
  if (seconds <= 0) return;
  counted_at_ = now;
  const unsigned before = level();
  std::fill_n(left_out_until_.begin(), before, now);
  const double rate = static_cast<double>(steps) / seconds;
  const unsigned wanted = std::max(LevelFor(rate), std::min(before, LevelFor(rate * kRoom)));
  level_.store(wanted, std::memory_order_relaxed);
}

void TraceSample::SetMost(size_t most) {
  MutexLock lock(mutex_);
  most_ = most;
}

SteadyTime TraceSample::left_out_until(MessageId id, SteadyTime now) const {
  MutexLock lock(mutex_);
  const unsigned of_message = LevelOf(id);
  return of_message < level() ? now : left_out_until_.at(of_message);
}

}  // namespace sluice
