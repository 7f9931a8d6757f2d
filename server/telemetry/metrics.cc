#include "server/telemetry/metrics.h"

#include <algorithm>

namespace sluice {

void Histogram::ObserveNanos(int64_t nanos, uint64_t times) {
  nanos = std::clamp<int64_t>(nanos, 0, kLargestNanos);
  buckets_[BucketOf(nanos)].fetch_add(times, std::memory_order_relaxed);
  sum_nanos_.fetch_add(nanos * static_cast<int64_t>(times), std::memory_order_relaxed);
}

void Histogram::Exemplify(const Exemplar& exemplar) {
  MutexLock lock(exemplars_mutex_);
  exemplars_.resize(kBuckets + 1);
  exemplars_[BucketOf(std::clamp<int64_t>(exemplar.nanos, 0, kLargestNanos))] = exemplar;
}

std::vector<Exemplar> Histogram::Exemplars() const {
  MutexLock lock(exemplars_mutex_);
  return exemplars_;
}

void Histogram::Reset() {
  for (std::atomic<uint64_t>& bucket : buckets_) bucket.store(0, std::memory_order_relaxed);
  sum_nanos_.store(0, std::memory_order_relaxed);
  MutexLock lock(exemplars_mutex_);
  exemplars_.clear();
}

namespace {

// One that was used before, or a new one.
template <typename Metric>
Metric* Take(std::vector<Metric*>& free, std::deque<Metric>& all) {
  if (free.empty()) return &all.emplace_back();
  Metric* metric = free.back();
  free.pop_back();
  return metric;
}

}  // namespace

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
  if (series.counter == nullptr) series.counter = Take(free_counters_, counters_);
  return *series.counter;
}

Gauge& MetricsRegistry::GetGauge(std::string_view name, std::string_view help, Labels labels) {
  MutexLock lock(mutex_);
  Series& series = Find(Kind::kGauge, name, help, std::move(labels));
  if (series.gauge == nullptr) series.gauge = Take(free_gauges_, gauges_);
  return *series.gauge;
}

AgeGauge& MetricsRegistry::GetAgeGauge(std::string_view name, std::string_view help, Labels labels) {
  MutexLock lock(mutex_);
  Series& series = Find(Kind::kGauge, name, help, std::move(labels));
  if (series.age == nullptr) series.age = Take(free_ages_, ages_);
  return *series.age;
}

Histogram& MetricsRegistry::GetHistogram(std::string_view name, std::string_view help, Labels labels) {
  MutexLock lock(mutex_);
  Series& series = Find(Kind::kHistogram, name, help, std::move(labels));
  if (series.own_histogram == nullptr) series.histogram = series.own_histogram = Take(free_histograms_, histograms_);
  return *series.own_histogram;
}

void MetricsRegistry::AddHistogram(std::string_view name, std::string_view help, Labels labels, const Histogram& kept) {
  MutexLock lock(mutex_);
  Find(Kind::kHistogram, name, help, std::move(labels)).histogram = &kept;
}

void MetricsRegistry::AddCallback(Kind kind, std::string_view name, std::string_view help, Labels labels,
                                  std::function<double()> read) {
  MutexLock lock(mutex_);
  Find(kind, name, help, std::move(labels)).read = std::move(read);
}

void MetricsRegistry::Retire(std::span<const std::string_view> families, const Labels& labels) {
  MutexLock lock(mutex_);
  for (const std::string_view name : families) {
    auto found = families_.find(name);
    if (found == families_.end()) continue;
    IndexedFamily& family = found->second;
    std::erase_if(family.series, [&labels](const Series& series) {
      return std::ranges::all_of(labels, [&series](const auto& label) {
        return std::ranges::find(series.labels, label) != series.labels.end();
      });
    });
    family.by_labels.clear();
    for (size_t i = 0; i < family.series.size(); ++i) family.by_labels[family.series[i].labels] = i;
  }
}

void MetricsRegistry::Remove(std::span<const std::string_view> families, std::string_view label,
                             std::string_view value) {
  MutexLock lock(mutex_);
  for (const std::string_view name : families) {
    auto found = families_.find(name);
    if (found == families_.end()) continue;
    IndexedFamily& family = found->second;
    for (size_t i = 0; i < family.series.size();) {
      Series& series = family.series[i];
      if (std::ranges::none_of(series.labels,
                               [&](const auto& each) { return each.first == label && each.second == value; })) {
        ++i;
        continue;
      }
      if (series.counter != nullptr) {
        series.counter->Reset();
        free_counters_.push_back(series.counter);
      }
      if (series.gauge != nullptr) {
        series.gauge->Set(0);
        free_gauges_.push_back(series.gauge);
      }
      if (series.age != nullptr) {
        series.age->Clear();
        free_ages_.push_back(series.age);
      }
      if (series.own_histogram != nullptr) {
        series.own_histogram->Reset();
        free_histograms_.push_back(series.own_histogram);
      }
      family.by_labels.erase(series.labels);
      // The last one takes its place.
      if (i + 1 < family.series.size()) {
        series = std::move(family.series.back());
        family.by_labels[series.labels] = i;
      }
      family.series.pop_back();
    }
  }
}

double MetricsRegistry::Series::Value(SteadyTime now) const {
  if (read) return read();
  if (counter != nullptr) return static_cast<double>(counter->value());
  if (gauge != nullptr) return static_cast<double>(gauge->value());
  return age == nullptr ? 0 : age->Seconds(now);
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
