#include "bench/meter.h"

#include <algorithm>
#include <bit>

namespace sluice::bench {

// ---------------------------------------------------------------------------------------------- LatencyHistogram

size_t LatencyHistogram::IndexOf(uint64_t nanos) {
  if (nanos < (1u << kSubBits)) return nanos;
  const int shift = static_cast<int>(std::bit_width(nanos)) - 1 - kSubBits;
  return (static_cast<size_t>(shift) << kSubBits) + (nanos >> shift);
}

uint64_t LatencyHistogram::LowerBound(size_t index) {
  const size_t group = index >> kSubBits;
  if (group <= 1) return index;
  return ((index & ((1u << kSubBits) - 1)) + (1u << kSubBits)) << (group - 1);
}

void LatencyHistogram::Add(int64_t nanos) {
  ++buckets_[IndexOf(static_cast<uint64_t>(std::max<int64_t>(nanos, 0)))];
  ++count_;
  max_ = std::max(max_, nanos);
}

double LatencyHistogram::Micros(double quantile) const {
  const auto rank = static_cast<uint64_t>(quantile * static_cast<double>(count_));
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen > rank) return 1e-3 * static_cast<double>(LowerBound(i));
  }
  return 1e-3 * static_cast<double>(max_);
}

JsonObject LatencyHistogram::ToJson() const {
  JsonObject json;
  json.Add("count", count_).Add("p50", Micros(0.5)).Add("p90", Micros(0.9)).Add("p99", Micros(0.99));
  json.Add("p999", Micros(0.999)).Add("max", 1e-3 * static_cast<double>(max_));
  return json;
}

// ---------------------------------------------------------------------------------------------- SteadyRun

namespace {
int64_t Nanos(double seconds) { return static_cast<int64_t>(seconds * 1e9); }
}  // namespace

void SteadyRun::Start(int64_t now) {
  phase_ = Phase::kWarmup;
  start_ = now;
}

void SteadyRun::BeginSteady(int64_t now, uint64_t answered) {
  phase_ = Phase::kSteady;
  steady_begin_ = steady_end_ = now;
  answered_begin_ = answered_end_ = answered;
  JsonObject().Add("event", "steady_begin").Add("answered", answered).Print();
}

void SteadyRun::EndSteady(int64_t now, uint64_t answered) {
  phase_ = Phase::kDraining;
  steady_end_ = now;
  answered_end_ = answered;
  JsonObject().Add("event", "steady_end").Add("answered", answered).Print();
}

void SteadyRun::Advance(int64_t now, uint64_t sent, uint64_t answered) {
  if (phase_ == Phase::kWarmup) {
    const bool enough = length_.count > 0 && answered >= length_.count / 5;
    if (enough || now - start_ >= Nanos(length_.warmup_s)) BeginSteady(now, answered);
  }
  if (phase_ == Phase::kSteady) {
    const bool enough = length_.count > 0 && answered >= length_.count - length_.count / 10;
    time_is_up_ = !enough && now - steady_begin_ >= Nanos(length_.steady_s);
    if (enough || time_is_up_) EndSteady(now, answered);
  }
  if (phase_ == Phase::kDraining) {
    const bool complete = answered >= sent && !MaySend(sent);
    if (complete || now - steady_end_ >= Nanos(length_.drain_s)) phase_ = Phase::kDone;
  }
}

void SteadyRun::Stop(int64_t now, uint64_t answered) {
  if (phase_ == Phase::kSteady) EndSteady(now, answered);
  phase_ = Phase::kDone;
}

void SteadyRun::Describe(JsonObject& json) const {
  const double seconds = SteadySeconds();
  json.Add("seconds", seconds).Add("answered_steady", SteadyAnswered());
  json.Add("answered_per_s", seconds > 0 ? static_cast<double>(SteadyAnswered()) / seconds : 0.0);
}

// ---------------------------------------------------------------------------------------------- SequenceBook

void SequenceBook::Write(uint64_t sequence, char* text) {
  for (size_t i = 0; i < kTextSize; ++i) {
    text[i] = "0123456789abcdef"[sequence >> (4 * (kTextSize - 1 - i)) & 15];
  }
}

std::optional<uint64_t> SequenceBook::Read(std::string_view payload) {
  if (payload.size() < kTextSize) return std::nullopt;
  uint64_t sequence = 0;
  for (char c : payload.substr(0, kTextSize)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    sequence = sequence << 4 | static_cast<uint64_t>(digit);
  }
  return sequence;
}

void SequenceBook::Sent(uint64_t sequence, int64_t now) {
  const size_t chunk = sequence / kChunk;
  while (chunks_.size() <= chunk) chunks_.push_back(std::make_unique<Chunk>());
  (*chunks_[chunk])[sequence % kChunk] = now;
  ++sent_;
}

std::optional<int64_t> SequenceBook::Answered(uint64_t sequence, int64_t now) {
  const size_t chunk = sequence / kChunk;
  if (chunk >= chunks_.size() || (*chunks_[chunk])[sequence % kChunk] == kNotSent) {
    ++foreign_;
    return std::nullopt;
  }
  int64_t& sent = (*chunks_[chunk])[sequence % kChunk];
  if (sent == kAnswered) {
    ++duplicates_;
    return std::nullopt;
  }
  const int64_t took = now - sent;
  sent = kAnswered;
  ++answered_;
  return took;
}

}  // namespace sluice::bench
