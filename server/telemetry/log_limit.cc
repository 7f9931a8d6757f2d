#include "server/telemetry/log_limit.h"

#include <algorithm>

#include "server/telemetry/log.h"

namespace sluice::log {

bool Limiter::Admit(std::string_view event, std::string_view cause) {
  const SteadyTime now = clock_.Now();
  uint64_t left_out = 0;
  {
    MutexLock lock(mutex_);
    Line& line = lines_[{std::string(event), std::string(cause)}];
    line.full = std::max(line.full, now);
    if (line.full - now > (rate_.burst - 1) * rate_.interval) {
      ++line.left_out;
      return false;
    }
    line.full += rate_.interval;
    left_out = std::exchange(line.left_out, 0);
  }
  if (left_out > 0) Warning("log lines left out", {{"of", event}, {"cause", cause}, {"lines", left_out}});
  return true;
}

}  // namespace sluice::log
