// Which messages are traced, where their steps come faster than they are to be kept.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "server/message/message_id.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"

namespace sluice {

// Decides by the message's id, so that either all steps of a message are kept or none. One message in a power of two is
// kept, and what is kept of one in eight is kept of one in four, too: when the rate changes, only the messages under way
// lose or miss steps.
//
// Thread-safe. A look costs a multiplication and a relaxed load.
class TraceSample {
 public:
  // One in 2^kMostLevel is the fewest.
  static constexpr unsigned kMostLevel = 20;

  // `most`: steps a second that are kept, in the long run. 0: all are.
  TraceSample(SteadyTime now, size_t most) : most_(most), counted_at_(now) {}

  // What Keeps() wants, once for a batch.
  unsigned level() const { return level_.load(std::memory_order_relaxed); }
  static bool Keeps(MessageId id, unsigned level) { return level == 0 || LevelOf(id) >= level; }
  uint32_t one_in() const { return uint32_t{1} << level(); }

  // So many steps have come since the last call, whether or not they were kept. Called about once a second.
  void Adapt(uint64_t steps, SteadyTime now);
  void SetMost(size_t most);
  // Until when the steps of this message would have been left out; the beginning of time: never.
  SteadyTime left_out_until(MessageId id, SteadyTime now) const;

 private:
  // The highest level at which it is kept.
  static unsigned LevelOf(MessageId id) {
    // Ids count up in their low half. Multiplied by 2^64 over the golden ratio, runs of them spread evenly.
    const auto zeros = static_cast<unsigned>(std::countl_zero(id.low * 0x9E3779B97F4A7C15u));
    return zeros < kMostLevel ? zeros : kMostLevel;
  }
  // The lowest level at which no more than `most_` of so many are kept.
  unsigned LevelFor(double steps_per_second) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::atomic<unsigned> level_ = 0;
  mutable Mutex mutex_;
  size_t most_ ABSL_GUARDED_BY(mutex_);
  SteadyTime counted_at_ ABSL_GUARDED_BY(mutex_);
  // Of messages that are kept at this level and below: when the level was last higher.
  std::array<SteadyTime, kMostLevel + 1> left_out_until_ ABSL_GUARDED_BY(mutex_){};
};

}  // namespace sluice
