#include "server/otlp/encode.h"

#include <algorithm>

#include "google/protobuf/arena.h"
#include "server/message/utf8.h"
#include "sluice/otlp/v1/otlp.pb.h"

namespace sluice {
namespace {

namespace pb = ::sluice::otlp::v1;

std::string BigEndian(uint64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

std::string BytesOf(TraceId id) { return BigEndian(id.high) + BigEndian(id.low); }

// A text that is none would make the whole request one that cannot be read.
void SetUtf8(std::string_view text, std::string& to) {
  to.assign(text);
  MendUtf8(to.data(), to.size());
}

void AddAttribute(const SpanAttribute& attribute, google::protobuf::RepeatedPtrField<pb::KeyValue>& to) {
  pb::KeyValue& added = *to.Add();
  added.mutable_key()->assign(attribute.name);
  if (const auto* text = std::get_if<std::string>(&attribute.value)) {
    SetUtf8(*text, *added.mutable_value()->mutable_string_value());
  } else {
    added.mutable_value()->set_int_value(std::get<int64_t>(attribute.value));
  }
}

void Encode(const Span& span, pb::Span& out) {
  constexpr int kError = 2;
  constexpr uint32_t kSampled = 1;
  out.set_trace_id(BytesOf(span.trace));
  out.set_span_id(BigEndian(span.id));
  if (span.parent != 0) out.set_parent_span_id(BigEndian(span.parent));
  SetUtf8(span.name, *out.mutable_name());
  out.set_kind(static_cast<int>(span.kind));
  out.set_start_time_unix_nano(static_cast<uint64_t>(std::max<int64_t>(0, span.start_unix_ns)));
  out.set_end_time_unix_nano(static_cast<uint64_t>(std::max(span.start_unix_ns, span.end_unix_ns)));
  out.set_flags(kSampled);
  for (const SpanAttribute& attribute : span.attributes) AddAttribute(attribute, *out.mutable_attributes());
  for (const SpanEvent& event : span.events) {
    pb::Span::Event& added = *out.add_events();
    added.set_time_unix_nano(static_cast<uint64_t>(std::max<int64_t>(0, event.unix_ns)));
    added.mutable_name()->assign(event.name);
    for (const SpanAttribute& attribute : event.attributes) AddAttribute(attribute, *added.mutable_attributes());
  }
  for (const SpanLink& link : span.links) {
    pb::Span::Link& added = *out.add_links();
    added.set_trace_id(BytesOf(link.trace));
    added.set_span_id(BigEndian(link.span));
  }
  if (!span.error) return;
  out.mutable_status()->set_code(kError);
  SetUtf8(span.status, *out.mutable_status()->mutable_message());
}

}  // namespace

std::string EncodeSpans(std::span<const Span> spans, const OtlpResource& resource, const std::string& version) {
  // Of the messaging conventions whose names are used.
  constexpr char kSchema[] = "https://opentelemetry.io/schemas/1.30.0";
  // A request has thousands of small parts.
  google::protobuf::ArenaOptions options;
  options.start_block_size = options.max_block_size = 64u << 10;
  google::protobuf::Arena arena(options);
  auto& request = *google::protobuf::Arena::CreateMessage<pb::ExportTraceServiceRequest>(&arena);
  pb::ResourceSpans& of_gateway = *request.add_resource_spans();
  of_gateway.set_schema_url(kSchema);
  for (const auto& [name, value] : resource) {
    pb::KeyValue& added = *of_gateway.mutable_resource()->add_attributes();
    added.set_key(name);
    SetUtf8(value, *added.mutable_value()->mutable_string_value());
  }
  pb::ScopeSpans& scope = *of_gateway.add_scope_spans();
  scope.mutable_scope()->set_name("sluice");
  scope.mutable_scope()->set_version(version);
  scope.set_schema_url(kSchema);
  for (const Span& span : spans) Encode(span, *scope.add_spans());
  return request.SerializeAsString();
}

Rejected RejectedIn(std::string_view body) {
  pb::ExportTraceServiceResponse response;
  if (!response.ParseFromArray(body.data(), static_cast<int>(body.size()))) return {};
  const pb::ExportTracePartialSuccess& partial = response.partial_success();
  return {.spans = static_cast<uint64_t>(std::max<int64_t>(0, partial.rejected_spans())),
          .why = partial.error_message()};
}

}  // namespace sluice
