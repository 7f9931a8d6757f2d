// What is counted for one chain. Changes are gathered and published once per batch.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "server/queue/dispatcher.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Why a message that was with a worker goes back into its queue.
enum class Return : uint8_t { kRetry, kLeaseExpired, kLostWorker, kUndelivered, kDrain, kNotBegun };
// Why a message ends without a settle.
enum class Loss : uint8_t { kQueueFull, kExpired, kLeaseExpired, kLostWorker };
// What used up the last attempt.
enum class Death : uint8_t { kRejected, kRetry, kLeaseExpired, kLostWorker };

// The label of chains that have no series of their own: no chain is named so, or it is one more of them.
inline constexpr char kOtherChains[] = "(other)";

// Single-threaded; what it publishes into is thread-safe, and several may share it.
class ChainMetrics {
 public:
  // Looks its series up: set-up, not for the path.
  ChainMetrics(MetricsRegistry& registry, const std::string& chain);
  // Takes them out of the registry. No ChainMetrics of this chain is used any more.
  static void Forget(MetricsRegistry& registry, const std::string& chain);

  void CountDelivery() { ++deliveries_; }
  void CountSettle(Verdict verdict) { ++settled_[static_cast<size_t>(verdict)]; }
  // Rare: published at once.
  void CountReturn(Return reason) { returned_metric_[static_cast<size_t>(reason)]->Add(); }
  void CountLoss(Loss reason) { lost_metric_[static_cast<size_t>(reason)]->Add(); }
  void CountDeath(Death reason) { dead_metric_[static_cast<size_t>(reason)]->Add(); }

  void ObserveQueueTime(int64_t nanos) { queue_time_.Observe(nanos); }
  void ObserveSettleTime(int64_t nanos) { settle_time_.Observe(nanos); }

  void Publish(size_t waiting, size_t waiting_bytes, size_t in_flight, size_t on_disk);

 private:
  // Durations in a row that fall into one bucket become one observation of their mean.
  struct Run {
    static constexpr uint64_t kMost = 1'024;  // Keeps the sum far from overflow.

    Histogram* histogram = nullptr;
    size_t bucket = 0;
    int64_t nanos = 0;  // Their sum.
    uint64_t times = 0;

    void Observe(int64_t value) {
      const size_t its_bucket = Histogram::BucketOf(value);
      if (its_bucket != bucket || times == kMost) Flush();
      bucket = its_bucket;
      nanos += value;
      ++times;
    }
    void Flush() {
      if (times != 0) histogram->ObserveNanos(nanos / static_cast<int64_t>(times), times);
      nanos = 0;
      times = 0;
    }
  };

  // A gauge that is the sum of what those who share it say.
  struct Share {
    Gauge* gauge = nullptr;
    int64_t told = 0;

    void Set(size_t value) {
      const int64_t change = static_cast<int64_t>(value) - told;
      if (change != 0) gauge->Add(change);
      told += change;
    }
  };

  uint64_t deliveries_ = 0;
  std::array<uint64_t, 4> settled_{};
  Run queue_time_;
  Run settle_time_;

  Counter* deliveries_metric_;
  std::array<Counter*, 4> settled_metric_;
  std::array<Counter*, 6> returned_metric_;
  std::array<Counter*, 4> lost_metric_;
  std::array<Counter*, 4> dead_metric_;
  Share backlog_;
  Share waiting_;
  Share waiting_bytes_;
  Share in_flight_;
  Share on_disk_;
};

}  // namespace sluice
