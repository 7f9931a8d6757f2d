// Counters, gauges and histograms that cost the path one relaxed atomic each. The exposition (prometheus-cpp,
// exposition.cc) reads them when it is asked; nothing here knows of it.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/runtime/mutex.h"

namespace sluice {

// Only grows. Thread-safe.
class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }
  // For a new use.
  void Reset() { value_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Goes up and down. Thread-safe.
class Gauge {
 public:
  void Set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Durations in powers of two from 2^-14 s (61 µs) to 2^9 s (512 s), so that finding the bucket is one
// instruction. Thread-safe; a reader may see an observation's bucket before its sum.
class Histogram {
 public:
  static constexpr int kLowestExponent = -14;
  static constexpr size_t kBuckets = 24;  // Upper bounds 2^-14 … 2^9 s, then +Inf.

  // Negative durations (a clock was set back) count as 0.
  void ObserveNanos(int64_t nanos, uint64_t times = 1);
  // The bucket that a duration falls into, at most kBuckets. Durations of one bucket may be observed together, by
  // their mean.
  static size_t BucketOf(int64_t nanos) {
    // The first bound, 2^-14 s, is 1953125/32 ns: counting in 32nds of a nanosecond keeps every bound exact.
    constexpr uint64_t kFirstBound = 1'953'125;
    if (nanos <= 0) return 0;
    const uint64_t parts = static_cast<uint64_t>(std::min(nanos, kLargestNanos)) * kParts;
    return std::min(static_cast<size_t>(std::bit_width((parts - 1) / kFirstBound)), kBuckets);
  }
  // Upper bound of bucket `i` < kBuckets, in seconds.
  static double UpperBound(size_t i);
  uint64_t bucket(size_t i) const { return buckets_[i].load(std::memory_order_relaxed); }  // i <= kBuckets
  // For a new use.
  void Reset();
  double SumSeconds() const { return 1e-9 * static_cast<double>(sum_nanos_.load(std::memory_order_relaxed)); }

 private:
  static constexpr uint64_t kParts = 32;
  static constexpr int64_t kLargestNanos = INT64_MAX / static_cast<int64_t>(kParts);  // Longer ones count as this.

  std::array<std::atomic<uint64_t>, kBuckets + 1> buckets_{};
  std::atomic<int64_t> sum_nanos_{0};
};

// Label names and values, in the order they are shown.
using Labels = std::vector<std::pair<std::string, std::string>>;

// Owns all metrics of a process. References it hands out live as long as it does; asking again with equal
// name and labels gives the same object. Thread-safe; look-ups take a lock and belong into set-up, not on
// the path.
class MetricsRegistry {
 public:
  enum class Kind { kCounter, kGauge, kHistogram };

  MetricsRegistry() = default;
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  // `name` as Prometheus wants it: sluice_…_total for counters, …_seconds for histograms. The first call for a
  // name fixes its help text.
  Counter& GetCounter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& GetGauge(std::string_view name, std::string_view help, Labels labels = {});
  Histogram& GetHistogram(std::string_view name, std::string_view help, Labels labels = {});

  // A gauge, or a counter that something else keeps, whose value is asked for at exposition. `read` is called from any
  // thread and without the registry's lock, so it may take locks of its own; it must stay callable until the last
  // exposition.
  void AddCallbackGauge(std::string_view name, std::string_view help, Labels labels, std::function<double()> read) {
    AddCallback(Kind::kGauge, name, help, std::move(labels), std::move(read));
  }
  void AddCallbackCounter(std::string_view name, std::string_view help, Labels labels, std::function<double()> read) {
    AddCallback(Kind::kCounter, name, help, std::move(labels), std::move(read));
  }

  // Takes the series with this label out of these families. Nobody may use what was handed out for them any more: it is
  // handed out again for others.
  void Remove(std::span<const std::string_view> families, std::string_view label, std::string_view value);

  struct Series {
    Labels labels;
    Counter* counter = nullptr;
    Gauge* gauge = nullptr;
    Histogram* histogram = nullptr;
    std::function<double()> read;  // Set: the value comes from here.
  };
  struct Family {
    Kind kind;
    std::string help;
    std::vector<Series> series;
  };
  // For the exposition: each family once, in the order of names. Works on a copy, without the registry's lock.
  void Visit(const std::function<void(const std::string& name, const Family&)>& visit) const;

 private:
  void AddCallback(Kind kind, std::string_view name, std::string_view help, Labels labels,
                   std::function<double()> read);
  // A family with its series by their labels: ten thousand chains are found as fast as one.
  struct IndexedFamily : Family {
    std::map<Labels, size_t> by_labels;  // Position in series.
  };
  Series& Find(Kind kind, std::string_view name, std::string_view help, Labels labels)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, IndexedFamily, std::less<>> families_ ABSL_GUARDED_BY(mutex_);
  std::deque<Counter> counters_ ABSL_GUARDED_BY(mutex_);
  std::deque<Gauge> gauges_ ABSL_GUARDED_BY(mutex_);
  std::deque<Histogram> histograms_ ABSL_GUARDED_BY(mutex_);
  // Of series that were removed.
  std::vector<Counter*> free_counters_ ABSL_GUARDED_BY(mutex_);
  std::vector<Gauge*> free_gauges_ ABSL_GUARDED_BY(mutex_);
  std::vector<Histogram*> free_histograms_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
