// Waiting for what other threads and processes do, with a deadline instead of a guess.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace sluice {

// Generous: reached only when a test fails, and the machine may be busy with sanitizers.
inline constexpr std::chrono::seconds kTestDeadline{30};

// Asks every few milliseconds until `condition` holds; false when `within` has passed. For what cannot notify: another
// process, a port, a state that is only readable.
inline bool Eventually(const std::function<bool()>& condition, std::chrono::milliseconds within = kTestDeadline) {
  auto deadline = std::chrono::steady_clock::now() + within;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace sluice
