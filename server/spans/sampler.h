// Which messages are traced. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "server/message/trace_context.h"

namespace sluice {

// What whoever published the message decided holds; of the others a share, by the trace's id, so that others who decide
// by it come to the same answer (W3C's and OpenTelemetry's: its last 56 bits are random).
class Sampler {
 public:
  // 0 … 1.
  explicit Sampler(double ratio)
      : dropped_(ratio >= 1   ? 0
                 : ratio <= 0 ? kRandom
                              : kRandom - static_cast<uint64_t>(ratio * static_cast<double>(kRandom))) {}

  // Whether a trace that begins here is kept.
  bool KeepsRoot(TraceId trace) const { return KeepsRoot(trace.low); }
  bool KeepsRoot(uint64_t low) const { return (low & (kRandom - 1)) >= dropped_; }

 private:
  static constexpr uint64_t kRandom = uint64_t{1} << 56;
  uint64_t dropped_;
};

}  // namespace sluice
