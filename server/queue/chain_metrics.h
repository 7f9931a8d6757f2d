// What is counted for one chain. Changes are gathered and published once per batch.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "server/queue/dispatcher.h"
#include "server/spans/exemplar.h"
#include "server/telemetry/metrics.h"
#include "server/telemetry/observation_run.h"

namespace sluice {

// Why a message that was with a worker goes back into its queue.
enum class Return : uint8_t { kRetry, kLeaseExpired, kLostWorker, kUndelivered, kDrain, kNotBegun };
// What used up the last attempt.
enum class Death : uint8_t { kRejected, kRetry, kLeaseExpired, kLostWorker };

// The label of chains that have no series of their own: no chain is named so, or it is one more of them.
inline constexpr char kOtherChains[] = "(other)";

// Single-threaded; what it publishes into is thread-safe, and several may share it.
class ChainMetrics {
 public:
  // Looks its series up: set-up, not for the path.
  ChainMetrics(MetricsRegistry& registry, const std::string& chain, const ChainOptions& options);
  // Takes them out of the registry. No ChainMetrics of this chain is used any more.
  static void Forget(MetricsRegistry& registry, const std::string& chain);
  // The bounds of its queue, beside what they bound.
  static void ShowLimits(MetricsRegistry& registry, const std::string& chain, const ChainOptions& options);

  void CountDelivery() { ++deliveries_; }
  void CountSettle(Verdict verdict) { ++settled_[static_cast<size_t>(verdict)]; }
  // Rare: published at once.
  void CountReturn(Return reason) { returned_metric_[static_cast<size_t>(reason)]->Add(); }
  void CountLoss(Loss reason) { lost_metric_[static_cast<size_t>(reason)]->Add(); }
  void CountDeath(Death reason) { dead_metric_[static_cast<size_t>(reason)]->Add(); }

  // From its receipt to now.
  void ObserveQueueTime(const Message& message, SteadyTime now) {
    Observe(message, now, queue_time_run_, *queue_time_);
  }
  void ObserveSettleTime(const Message& message, SteadyTime now) {
    Observe(message, now, settle_time_run_, *settle_time_);
  }

  void Publish(size_t waiting, size_t waiting_bytes, size_t in_flight, size_t on_disk);
  void PublishOnDisk(size_t bytes, bool full) {
    on_disk_bytes_.Set(bytes);
    on_disk_full_.Set(full ? 1 : 0);
  }
  // When the oldest message that waits in memory or is in flight was received; null: there is none. What is on disk is
  // younger, and soon in memory.
  void PublishOldest(const SteadyTime* received, size_t on_disk) {
    if (received != nullptr) {
      oldest_->SetSince(*received);
    } else if (on_disk == 0) {
      oldest_->Clear();
    }
  }

  // Received to the broker's confirmation of a reply. Thread-safe, and valid as long as the registry.
  Histogram& answer_time() { return *answer_time_; }

 private:
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

  static void Observe(const Message& message, SteadyTime now, ObservationRun& run, Histogram& histogram) {
    const int64_t nanos = (now - message.received).count();
    run.Observe(histogram, nanos);
    if (message.trace != nullptr) histogram.Exemplify(ExemplarOf(*message.trace, nanos, now));
  }

  uint64_t deliveries_ = 0;
  std::array<uint64_t, 4> settled_{};
  ObservationRun queue_time_run_;
  ObservationRun settle_time_run_;

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
  Share on_disk_bytes_;
  Share on_disk_full_;
  AgeGauge* oldest_;
  Histogram* queue_time_;
  Histogram* settle_time_;
  Histogram* answer_time_;
};

}  // namespace sluice
