// What a message takes in a handler, lately.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace sluice::client {

// Thread-safe. Threads may overwrite each other's contribution: it is an estimate.
class HandlerTime {
 public:
  // Negative: nothing ran.
  void Add(int64_t nanos) {
    if (nanos < 0) return;
    const int64_t known = nanos_.load(std::memory_order_relaxed);
    nanos_.store(known == 0 ? nanos + 1 : (known * 3 + nanos) / 4 + 1, std::memory_order_relaxed);
  }
  // 0: not known yet.
  std::chrono::nanoseconds Get() const { return std::chrono::nanoseconds(nanos_.load(std::memory_order_relaxed)); }

 private:
  std::atomic<int64_t> nanos_ = 0;
};

}  // namespace sluice::client
