// W3C trace context (https://www.w3.org/TR/trace-context/): the user properties `traceparent` and `tracestate`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/runtime/clock.h"

namespace sluice {

struct TraceId {
  uint64_t high = 0;
  uint64_t low = 0;

  bool valid() const { return (high | low) != 0; }
  friend bool operator==(const TraceId&, const TraceId&) = default;
};

// 0: none.
using SpanId = uint64_t;

struct TraceParent {
  TraceId trace;
  SpanId span = 0;
  bool sampled = false;

  friend bool operator==(const TraceParent&, const TraceParent&) = default;
};

inline constexpr std::string_view kTraceparent = "traceparent";
inline constexpr std::string_view kTracestate = "tracestate";

// Nothing: it is none, and counts as absent. Of later versions what version 00 has is read.
std::optional<TraceParent> ParseTraceparent(std::string_view text);
// As version 00.
std::string FormatTraceparent(const TraceParent& parent);

// What this gateway writes into `tracestate`, so that a span can be completed by another process: the span that its own
// span continues. A dead letter's publication has its message's, so that one of a reply says what it is of.
enum class EntryOf : uint8_t { kMessage, kReply };
// Nothing: there is no such entry. 0: its span is the trace's first.
std::optional<SpanId> GatewayEntryOf(std::string_view tracestate, EntryOf what = EntryOf::kMessage);
// With one that names `parent`, before the others, and without those of other gateways. Of the others the last are left out
// where there are too many.
std::string WithGatewayEntry(std::string_view tracestate, SpanId parent, EntryOf what = EntryOf::kMessage);

// Of a message that is traced: the gateway's span for its way.
struct MessageTrace {
  TraceId trace;
  SpanId span = 0;
  SpanId parent = 0;
  // One moment of both clocks, when the message was read.
  SteadyTime received{};
  int64_t received_unix_ns = 0;

  int64_t UnixNanos(SteadyTime time) const {
    return received_unix_ns + std::chrono::duration_cast<std::chrono::nanoseconds>(time - received).count();
  }
};

}  // namespace sluice
