// When something bounded counts as full, and when it no longer does. Pure.
#pragma once

#include <cstdint>

namespace sluice {

// What is held of something that is bounded in messages and in bytes.
struct Fill {
  uint64_t messages = 0;
  uint64_t bytes = 0;
};

// Full from `high_percent` of either bound on, until both are at `low_percent` or below. In between it stays what it
// was, so that it does not change with every message.
class Watermark {
 public:
  // Bounds of 0 are none. 1 … 100 percent, `low_percent` below `high_percent`.
  Watermark(Fill bounds, uint32_t high_percent, uint32_t low_percent)
      : high_(Part(bounds, high_percent, 99)), low_(Part(bounds, low_percent, 0)) {}

  bool IsFull(Fill held, bool was_full) const {
    if (was_full) return held.messages > low_.messages || held.bytes > low_.bytes;
    return held.messages >= high_.messages || held.bytes >= high_.bytes;
  }

 private:
  static constexpr uint64_t kNoBound = UINT64_MAX;
  // The high mark is rounded up (`more` 99), so that a bound of one message is not reached by none; the low one down
  // (0), so that it is below the high one.
  static uint64_t Part(uint64_t bound, uint32_t percent, uint32_t more) {
    if (bound == 0) return kNoBound;
    return bound / 100 * percent + (bound % 100 * percent + more) / 100;
  }
  static Fill Part(Fill bounds, uint32_t percent, uint32_t more) {
    return {.messages = Part(bounds.messages, percent, more), .bytes = Part(bounds.bytes, percent, more)};
  }

  Fill high_;
  Fill low_;
};

}  // namespace sluice
