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
#include <type_traits>
#include <utility>
#include <vector>

#include "server/runtime/clock.h"
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

// An observation that belongs to a trace, for whoever looks at a histogram and asks which message that was (OpenMetrics 1.0,
// "Exemplars").
struct Exemplar {
  uint64_t trace_high = 0;  // Both 0: there is none.
  uint64_t trace_low = 0;
  uint64_t span = 0;
  int64_t nanos = 0;    // What was observed.
  int64_t unix_ns = 0;  // And when.
};

// Durations in steps of 1, 2.5, 5 from 100 µs to 500 s: bounds that people can read. Finding the bucket costs one look
// into a table and at most two comparisons. Thread-safe; a reader may see an observation's bucket before its sum.
class Histogram {
 public:
  static constexpr std::array<int64_t, 21> kBoundNanos = {
      100'000,       250'000,        500'000,        1'000'000,      2'500'000,       5'000'000,       10'000'000,
      25'000'000,    50'000'000,     100'000'000,    250'000'000,    500'000'000,     1'000'000'000,   2'500'000'000,
      5'000'000'000, 10'000'000'000, 25'000'000'000, 50'000'000'000, 100'000'000'000, 250'000'000'000, 500'000'000'000};
  static constexpr size_t kBuckets = kBoundNanos.size();  // Without +Inf.

  // Negative durations (a clock was set back) count as 0, those over 52 days as 52 days. `times` is at most 1,024.
  void ObserveNanos(int64_t nanos, uint64_t times = 1);
  // The newest of its bucket. What it observed is counted by ObserveNanos().
  void Exemplify(const Exemplar& exemplar);
  // By bucket; empty: there are none.
  std::vector<Exemplar> Exemplars() const;
  // The bucket that a duration falls into, at most kBuckets. Durations of one bucket may be observed together, by
  // their mean.
  static size_t BucketOf(int64_t nanos) {
    if (nanos <= kBoundNanos[0]) return 0;
    size_t i = kFirstByWidth[static_cast<size_t>(std::bit_width(static_cast<uint64_t>(nanos)))];
    while (i < kBuckets && nanos > kBoundNanos[i]) ++i;
    return i;
  }
  // Upper bound of bucket `i` < kBuckets, in seconds.
  static double UpperBound(size_t i) { return static_cast<double>(kBoundNanos[i]) / 1e9; }
  uint64_t bucket(size_t i) const { return buckets_[i].load(std::memory_order_relaxed); }  // i <= kBuckets
  // For a new use.
  void Reset();
  double SumSeconds() const { return 1e-9 * static_cast<double>(sum_nanos_.load(std::memory_order_relaxed)); }

 private:
  // By the bits of a number: the first bucket that one of so many bits can be in.
  static constexpr std::array<uint8_t, 65> kFirstByWidth = [] {
    std::array<uint8_t, 65> first{};
    for (size_t width = 1; width < first.size(); ++width) {
      while (first[width] < kBuckets && static_cast<uint64_t>(kBoundNanos[first[width]]) < uint64_t{1} << (width - 1)) {
        ++first[width];
      }
    }
    return first;
  }();
  static constexpr int64_t kLargestNanos = int64_t{1} << 52;

  std::array<std::atomic<uint64_t>, kBuckets + 1> buckets_{};
  std::atomic<int64_t> sum_nanos_{0};
  mutable Mutex exemplars_mutex_;
  std::vector<Exemplar> exemplars_ ABSL_GUARDED_BY(exemplars_mutex_);  // By bucket; empty until there is one.
};

// How long ago something began, as a gauge in seconds: what is read grows by itself. Thread-safe.
class AgeGauge {
 public:
  void SetSince(SteadyTime since) { since_.store(since.time_since_epoch().count(), std::memory_order_relaxed); }
  // There is nothing: 0.
  void Clear() { since_.store(kNothing, std::memory_order_relaxed); }
  double Seconds(SteadyTime now) const {
    const int64_t since = since_.load(std::memory_order_relaxed);
    return since == kNothing ? 0 : std::max(0.0, 1e-9 * static_cast<double>(now.time_since_epoch().count() - since));
  }

 private:
  static constexpr int64_t kNothing = INT64_MIN;
  static_assert(std::is_same_v<SteadyTime::period, std::nano>);
  std::atomic<int64_t> since_{kNothing};
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
  // name fixes its help text. All series of a name have the same label names: where one does not apply its value is "".
  Counter& GetCounter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& GetGauge(std::string_view name, std::string_view help, Labels labels = {});
  AgeGauge& GetAgeGauge(std::string_view name, std::string_view help, Labels labels = {});
  Histogram& GetHistogram(std::string_view name, std::string_view help, Labels labels = {});
  // One that somebody else keeps, until the last exposition.
  void AddHistogram(std::string_view name, std::string_view help, Labels labels, const Histogram& kept);

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

  // Takes the series with all of these labels out of these families. What was handed out for them may still be used, and
  // is shown nowhere.
  void Retire(std::span<const std::string_view> families, const Labels& labels);

  struct Series {
    Labels labels;
    Counter* counter = nullptr;
    Gauge* gauge = nullptr;
    AgeGauge* age = nullptr;
    const Histogram* histogram = nullptr;
    Histogram* own_histogram = nullptr;  // The same, unless somebody else keeps it.
    std::function<double()> read;        // Set: the value comes from here.

    // Of a counter or gauge.
    double Value(SteadyTime now) const;
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
  std::deque<AgeGauge> ages_ ABSL_GUARDED_BY(mutex_);
  std::deque<Histogram> histograms_ ABSL_GUARDED_BY(mutex_);
  // Of series that were removed.
  std::vector<Counter*> free_counters_ ABSL_GUARDED_BY(mutex_);
  std::vector<Gauge*> free_gauges_ ABSL_GUARDED_BY(mutex_);
  std::vector<AgeGauge*> free_ages_ ABSL_GUARDED_BY(mutex_);
  std::vector<Histogram*> free_histograms_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
