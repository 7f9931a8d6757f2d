// What a histogram says of an observation that is traced.
#pragma once

#include <cstdint>

#include "server/message/trace_context.h"
#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice {

inline Exemplar ExemplarOf(const MessageTrace& trace, int64_t nanos, SteadyTime now) {
  return {.trace_high = trace.trace.high,
          .trace_low = trace.trace.low,
          .span = trace.span,
          .nanos = nanos,
          .unix_ns = trace.UnixNanos(now)};
}

}  // namespace sluice
