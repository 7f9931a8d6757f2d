// How many messages a stream should hold when the user has not said.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sluice::client {

// What waits in a worker is out of the reach of others. So there is no more of it than the handlers get through in
// kLongestWait, and where one message takes longer than that, none: a worker that joins then finds its share with the
// gateway.
class AutoWindow {
 public:
  static constexpr std::chrono::nanoseconds kLongestWait = std::chrono::milliseconds(100);
  static constexpr uint32_t kMost = 1'000;

  // For one stream of `streams` that have something to do. `handler`: what one message takes; 0: not known yet, and
  // then it may be long.
  static uint32_t For(size_t threads, std::chrono::nanoseconds handler, size_t streams);
  // Small changes are not worth a message of their own.
  static bool WorthTelling(uint32_t told, uint32_t wanted);
};

}  // namespace sluice::client
