#include "server/worker/crash_loops.h"

#include <algorithm>

namespace sluice {

CrashLoops::CrashLoops(const Clock& clock, MetricsRegistry& metrics)
    : clock_(clock),
      early_losses_(metrics.GetCounter("sluice_worker_streams_lost_early_total",
                                       "Worker streams that were lost within a minute of their start.")) {}

size_t CrashLoops::OnLost(std::string_view worker, Millis lasted) {
  if (lasted >= kEarly) return 0;
  early_losses_.Add();
  const SteadyTime now = clock_.Now();
  const std::string name(worker.substr(0, worker.find('/')));
  MutexLock lock(mutex_);
  auto [known, is_new] = workers_.try_emplace(name);
  if (is_new && workers_.size() > kMostWorkers) {
    const auto oldest = std::ranges::min_element(
        workers_, {}, [](const auto& each) { return each.second.times.empty() ? kNever : each.second.times.back(); });
    workers_.erase(oldest);
  }
  Losses& losses = known->second;
  losses.times.push_back(now);
  while (losses.times.size() > kMostTimes || now - losses.times.front() > kWithin) losses.times.pop_front();
  if (losses.times.size() < kTimes || now < losses.tell_from) return 0;
  losses.tell_from = now + kTellAgain;
  return losses.times.size();
}

}  // namespace sluice
