// Observations on their way into a histogram, a batch at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "server/telemetry/metrics.h"

namespace sluice {

// Durations in a row that fall into one bucket of one histogram become one observation of their mean. Single-threaded;
// Flush() before anybody is to see them.
class ObservationRun {
 public:
  void Observe(Histogram& histogram, int64_t nanos) {
    const size_t bucket = Histogram::BucketOf(nanos);
    if (&histogram != histogram_ || bucket != bucket_ || times_ == kMost) Flush();
    histogram_ = &histogram;
    bucket_ = bucket;
    nanos_ += nanos;
    ++times_;
  }
  void Flush() {
    if (times_ != 0) histogram_->ObserveNanos(nanos_ / static_cast<int64_t>(times_), times_);
    nanos_ = 0;
    times_ = 0;
  }

 private:
  static constexpr uint64_t kMost = 1'024;  // Keeps the sum far from overflow.

  Histogram* histogram_ = nullptr;
  size_t bucket_ = 0;
  int64_t nanos_ = 0;  // Their sum.
  uint64_t times_ = 0;
};

}  // namespace sluice
