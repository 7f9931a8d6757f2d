// What the load generators measure with: latencies, the steady part of a run, and which messages were answered.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "bench/json.h"

namespace sluice::bench {

// Monotonic nanoseconds.
inline int64_t NowNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Durations in buckets 1/32 apart, so that a percentile is exact to 3 %.
class LatencyHistogram {
 public:
  void Add(int64_t nanos);
  uint64_t count() const { return count_; }
  // `quantile` 0 … 1; 0 when empty.
  double Micros(double quantile) const;
  // {"count", "p50", "p90", "p99", "p999", "max"}, in µs.
  JsonObject ToJson() const;

 private:
  static constexpr int kSubBits = 5;
  static size_t IndexOf(uint64_t nanos);
  static uint64_t LowerBound(size_t index);

  std::array<uint64_t, (64 - kSubBits + 1) << kSubBits> buckets_{};
  uint64_t count_ = 0;
  int64_t max_ = 0;
};

// How long a run takes. Whichever comes first ends a phase.
struct RunLength {
  double warmup_s = 1;
  double steady_s = 5;
  double drain_s = 5;  // The most to wait for what is missing after the steady part.
  uint64_t count = 0;  // Messages in all; 0: as many as fit. The first fifth is warm-up, the last tenth is not counted.
};

// The phases of a run, so that rates leave out how it starts and ends:
// kIdle → Start() → kWarmup → kSteady → kDraining → kDone. Entering kSteady and kDraining prints
// {"event": "steady_begin" | "steady_end", "answered"}: the reader samples the processes' CPU time there.
class SteadyRun {
 public:
  enum class Phase : uint8_t { kIdle, kWarmup, kSteady, kDraining, kDone };

  explicit SteadyRun(RunLength length) : length_(length) {}

  void Start(int64_t now);
  // Goes on to the next phase if it is time.
  void Advance(int64_t now, uint64_t sent, uint64_t answered);
  // Ends the run at once.
  void Stop(int64_t now, uint64_t answered);

  Phase phase() const { return phase_; }
  // Whether the message after `sent` may go out.
  bool MaySend(uint64_t sent) const {
    if (length_.count > 0 && sent >= length_.count) return false;
    return phase_ == Phase::kWarmup || phase_ == Phase::kSteady || (phase_ == Phase::kDraining && !time_is_up_);
  }
  bool steady() const { return phase_ == Phase::kSteady; }
  // Of the steady part.
  double SteadySeconds() const { return 1e-9 * static_cast<double>(steady_end_ - steady_begin_); }
  uint64_t SteadyAnswered() const { return answered_end_ - answered_begin_; }
  // "seconds", "answered_steady", "answered_per_s".
  void Describe(JsonObject& json) const;

 private:
  void BeginSteady(int64_t now, uint64_t answered);
  void EndSteady(int64_t now, uint64_t answered);

  const RunLength length_;
  Phase phase_ = Phase::kIdle;
  bool time_is_up_ = false;
  int64_t start_ = 0;
  int64_t steady_begin_ = 0;
  int64_t steady_end_ = 0;
  uint64_t answered_begin_ = 0;
  uint64_t answered_end_ = 0;
};

// Which messages were sent when, and which came back: finds losses and duplicates, and measures each round trip.
// Messages are named by a number that stands in the first 16 bytes of the payload, as hexadecimal text.
class SequenceBook {
 public:
  static constexpr size_t kTextSize = 16;
  static void Write(uint64_t sequence, char* text);
  static std::optional<uint64_t> Read(std::string_view payload);

  void Sent(uint64_t sequence, int64_t now);
  // The round trip in ns of the first answer; nullopt, and counted, for a duplicate or what was never sent.
  std::optional<int64_t> Answered(uint64_t sequence, int64_t now);

  uint64_t sent() const { return sent_; }
  uint64_t answered() const { return answered_; }
  uint64_t lost() const { return sent_ - answered_; }
  uint64_t duplicates() const { return duplicates_; }
  uint64_t foreign() const { return foreign_; }
  void CountForeign() { ++foreign_; }

 private:
  static constexpr size_t kChunk = 1 << 16;
  static constexpr int64_t kNotSent = 0;
  static constexpr int64_t kAnswered = -1;
  using Chunk = std::array<int64_t, kChunk>;  // When each was sent, or one of the above.

  std::vector<std::unique_ptr<Chunk>> chunks_;
  uint64_t sent_ = 0;
  uint64_t answered_ = 0;
  uint64_t duplicates_ = 0;
  uint64_t foreign_ = 0;
};

}  // namespace sluice::bench
