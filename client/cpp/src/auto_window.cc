#include "client/cpp/src/auto_window.h"

#include <algorithm>

namespace sluice::client {

uint32_t AutoWindow::For(size_t threads, std::chrono::nanoseconds handler, size_t streams) {
  size_t total = threads;
  if (handler.count() > 0) {
    // Held first: kMost is soon reached, and a handler may take a nanosecond.
    const auto rounds = std::min<int64_t>(kLongestWait / handler, kMost);
    total += threads * static_cast<size_t>(rounds);
  }
  const size_t each = (total + std::max<size_t>(streams, 1) - 1) / std::max<size_t>(streams, 1);
  return static_cast<uint32_t>(std::clamp<size_t>(each, 1, kMost));
}

bool AutoWindow::WorthTelling(uint32_t told, uint32_t wanted) {
  const uint32_t change = told > wanted ? told - wanted : wanted - told;
  return change > 0 && change >= told / 4;
}

}  // namespace sluice::client
