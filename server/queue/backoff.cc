#include "server/queue/backoff.h"

#include <algorithm>

namespace sluice {

Millis RetryBackoff::Pause(const ChainOptions& options, uint32_t attempts) {
  const int64_t most = options.max_retry_backoff.count();
  int64_t pause = options.retry_backoff.count();
  for (uint32_t i = 1; i < attempts && pause < most; ++i) pause *= 2;
  pause = std::min(pause, most);
  std::uniform_int_distribution<int64_t> jitter(-pause / 4, pause / 4);
  return Millis(std::min(pause + jitter(random_), most));
}

}  // namespace sluice
