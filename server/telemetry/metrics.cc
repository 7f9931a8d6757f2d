#include "server/telemetry/metrics.h"

#include <bit>
#include <cmath>

namespace sluice {

void Histogram::ObserveNanos(int64_t nanos, uint64_t times) {
  // 2^-14 s in nanoseconds, rounded up: the first bucket's bound.
  constexpr uint64_t kFirstBound = 61'036;
  size_t i = 0;
  if (nanos > 0) {
    uint64_t ratio = (static_cast<uint64_t>(nanos) - 1) / kFirstBound;
    i = static_cast<size_t>(std::bit_width(ratio));
    if (i > kBuckets) i = kBuckets;
  }
  buckets_[i].fetch_add(times, std::memory_order_relaxed);
  sum_nanos_.fetch_add(nanos * static_cast<int64_t>(times), std::memory_order_relaxed);
}

double Histogram::UpperBound(size_t i) { return std::ldexp(1.0, kLowestExponent + static_cast<int>(i)); }

MetricsRegistry::Series& MetricsRegistry::Find(Kind kind, std::string_view name, std::string_view help, Labels labels) {
  auto [family, is_new] = families_.try_emplace(std::string(name), Family{kind, std::string(help), {}});
  std::vector<Series>& all = family->second.series;
  for (Series& series : all) {
    if (series.labels == labels) return series;
  }
  all.push_back(Series{.labels = std::move(labels), .read = {}});
  return all.back();
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

void MetricsRegistry::AddCallbackGauge(std::string_view name, std::string_view help, Labels labels,
                                       std::function<int64_t()> read) {
  MutexLock lock(mutex_);
  Find(Kind::kGauge, name, help, std::move(labels)).read = std::move(read);
}

void MetricsRegistry::Visit(const std::function<void(const std::string& name, const Family&)>& visit) const {
  MutexLock lock(mutex_);
  for (const auto& [name, family] : families_) visit(name, family);
}

}  // namespace sluice
