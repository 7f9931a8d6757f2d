// A span of a trace, as OpenTelemetry knows it, on its way to a collector.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "server/message/trace_context.h"

namespace sluice {

struct SpanAttribute {
  std::string_view name;  // A constant.
  std::variant<std::string, int64_t> value;
};

struct SpanEvent {
  std::string_view name;  // A constant.
  int64_t unix_ns = 0;
  std::vector<SpanAttribute> attributes;
};

struct SpanLink {
  TraceId trace;
  SpanId span = 0;
};

// The numbers are OTLP's.
enum class SpanKind : uint8_t { kInternal = 1, kServer = 2, kClient = 3, kProducer = 4, kConsumer = 5 };

struct Span {
  static constexpr size_t kUsualAttributes = 14;

  TraceId trace;
  SpanId id = 0;
  SpanId parent = 0;
  SpanKind kind = SpanKind::kInternal;
  std::string name;
  int64_t start_unix_ns = 0;
  int64_t end_unix_ns = 0;
  std::vector<SpanAttribute> attributes;
  std::vector<SpanEvent> events;
  std::vector<SpanLink> links;
  bool error = false;
  std::string status;  // Why, with `error`.

  Span() { attributes.reserve(kUsualAttributes); }

  void Set(std::string_view attribute, std::string_view value) {
    if (!value.empty()) attributes.push_back({attribute, std::string(value)});
  }
  void Set(std::string_view attribute, int64_t value) { attributes.push_back({attribute, value}); }
};

// Where finished spans go. Thread-safe.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  // Keeps them or drops them; must not wait.
  virtual void Take(std::vector<Span> spans) = 0;
};

}  // namespace sluice
