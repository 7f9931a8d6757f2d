#include "server/telemetry/metrics.h"

#include <algorithm>
#include <cmath>

namespace sluice {

void Histogram::ObserveNanos(int64_t nanos, uint64_t times) {
  nanos = std::clamp<int64_t>(nanos, 0, kLargestNanos);
  buckets_[BucketOf(nanos)].fetch_add(times, std::memory_order_relaxed);
  sum_nanos_.fetch_add(nanos * static_cast<int64_t>(times), std::memory_order_relaxed);
}

double Histogram::UpperBound(size_t i) { return std::ldexp(1.0, kLowestExponent + static_cast<int>(i)); }

MetricsRegistry::Series& MetricsRegistry::Find(Kind kind, std::string_view name, std::string_view help, Labels labels) {
  IndexedFamily& family =
      families_.try_emplace(std::string(name), IndexedFamily{{kind, std::string(help), {}}, {}}).first->second;
  auto [position, is_new] = family.by_labels.try_emplace(labels, family.series.size());
  if (is_new) family.series.push_back(Series{.labels = std::move(labels), .read = {}});
  return family.series[position->second];
}

Counter& MetricsRegistry::GetCounter(std::string_view name, std::string_view help, Labels labels) {
  MutexLock lock(mutex_);
  Series& series = Find(Kind::kCounter, name, help, std::move(labels));
  if (series.counter == nullptr) series.counter = &counters_.emplace_back();
  return *series.counter;
}

Gauge& MetricsRegistry::GetGauge(std::string_view name, std::string_view help, Labels labels) {
  MutexLock lock(mutex_);
  Series& series = Find(Kind::kGauge, name, help, std::move(labels));
  if (series.gauge == nullptr) series.gauge = &gauges_.emplace_back();
  return *series.gauge;
}

Histogram& MetricsRegistry::GetHistogram(std::string_view name, std::string_view help, Labels labels) {
  MutexLock lock(mutex_);
  Series& series = Find(Kind::kHistogram, name, help, std::move(labels));
  if (series.histogram == nullptr) series.histogram = &histograms_.emplace_back();
  return *series.histogram;
}

void MetricsRegistry::AddCallback(Kind kind, std::string_view name, std::string_view help, Labels labels,
                                  std::function<double()> read) {
  MutexLock lock(mutex_);
  Find(kind, name, help, std::move(labels)).read = std::move(read);
}

void MetricsRegistry::Visit(const std::function<void(const std::string& name, const Family&)>& visit) const {
  std::map<std::string, Family, std::less<>> copy;
  {
    MutexLock lock(mutex_);
    copy.insert(families_.begin(), families_.end());
  }
  for (const auto& [name, family] : copy) visit(name, family);
}

}  // namespace sluice
