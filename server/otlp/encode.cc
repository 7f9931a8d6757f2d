#include "server/otlp/encode.h"

#include <algorithm>
#include <array>

#include "server/message/wire_writer.h"
#include "sluice/otlp/v1/otlp.pb.h"

namespace sluice {
namespace {

namespace pb = ::sluice::otlp::v1;

// Of the messaging conventions whose names are used.
constexpr std::string_view kSchema = "https://opentelemetry.io/schemas/1.30.0";
constexpr uint64_t kError = 2;    // Of a status.
constexpr uint32_t kSampled = 1;  // Of flags.

// An id's bytes, the first digit first.
template <size_t words>
class IdBytes {
 public:
  explicit IdBytes(const std::array<uint64_t, words>& id) {
    for (size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<char>(id[i / 8] >> (56 - i % 8 * 8) & 0xff);
  }
  explicit operator std::string_view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  std::array<char, words * 8> bytes_;
};

std::string_view View(const IdBytes<1>& id) { return std::string_view(id); }
std::string_view View(const IdBytes<2>& id) { return std::string_view(id); }
IdBytes<1> BytesOf(SpanId id) { return IdBytes<1>({id}); }
IdBytes<2> BytesOf(TraceId id) { return IdBytes<2>({id.high, id.low}); }

uint64_t Nanos(int64_t unix_ns) { return static_cast<uint64_t>(std::max<int64_t>(0, unix_ns)); }

// Each describes the inside of a message of otlp.proto, to a WireSizer and to a WireWriter.

template <typename Wire>
void DescribeText(Wire& wire, std::string_view name, std::string_view text) {
  wire.String(pb::KeyValue::kKeyFieldNumber, name);
  wire.Message(pb::KeyValue::kValueFieldNumber,
               [text](auto& value) { value.StringAlways(pb::AnyValue::kStringValueFieldNumber, text); });
}

template <typename Wire>
void Describe(Wire& wire, const SpanAttribute& attribute) {
  if (const auto* text = std::get_if<std::string>(&attribute.value)) return DescribeText(wire, attribute.name, *text);
  const auto number = static_cast<uint64_t>(std::get<int64_t>(attribute.value));
  wire.String(pb::KeyValue::kKeyFieldNumber, attribute.name);
  wire.Message(pb::KeyValue::kValueFieldNumber,
               [number](auto& value) { value.VarintAlways(pb::AnyValue::kIntValueFieldNumber, number); });
}

template <typename Wire>
void Describe(Wire& wire, const SpanEvent& event) {
  wire.Fixed64(pb::Span::Event::kTimeUnixNanoFieldNumber, Nanos(event.unix_ns));
  wire.String(pb::Span::Event::kNameFieldNumber, event.name);
  for (const SpanAttribute& attribute : event.attributes) {
    wire.Message(pb::Span::Event::kAttributesFieldNumber, [&attribute](auto& inside) { Describe(inside, attribute); });
  }
}

template <typename Wire>
void Describe(Wire& wire, const SpanLink& link) {
  wire.Bytes(pb::Span::Link::kTraceIdFieldNumber, View(BytesOf(link.trace)));
  wire.Bytes(pb::Span::Link::kSpanIdFieldNumber, View(BytesOf(link.span)));
}

template <typename Wire>
void Describe(Wire& wire, const Span& span) {
  wire.Bytes(pb::Span::kTraceIdFieldNumber, View(BytesOf(span.trace)));
  wire.Bytes(pb::Span::kSpanIdFieldNumber, View(BytesOf(span.id)));
  if (span.parent != 0) wire.Bytes(pb::Span::kParentSpanIdFieldNumber, View(BytesOf(span.parent)));
  wire.String(pb::Span::kNameFieldNumber, span.name);
  wire.Varint(pb::Span::kKindFieldNumber, static_cast<uint64_t>(span.kind));
  wire.Fixed64(pb::Span::kStartTimeUnixNanoFieldNumber, Nanos(span.start_unix_ns));
  wire.Fixed64(pb::Span::kEndTimeUnixNanoFieldNumber, Nanos(std::max(span.start_unix_ns, span.end_unix_ns)));
  const auto all = [&wire](uint32_t field, const auto& parts) {
    for (const auto& part : parts) wire.Message(field, [&part](auto& inside) { Describe(inside, part); });
  };
  all(pb::Span::kAttributesFieldNumber, span.attributes);
  all(pb::Span::kEventsFieldNumber, span.events);
  all(pb::Span::kLinksFieldNumber, span.links);
  if (span.error) {
    wire.Message(pb::Span::kStatusFieldNumber, [&span](auto& status) {
      status.String(pb::Status::kMessageFieldNumber, span.status);
      status.Varint(pb::Status::kCodeFieldNumber, kError);
    });
  }
  wire.Fixed32(pb::Span::kFlagsFieldNumber, kSampled);
}

}  // namespace

// By hand, since a request has thousands of small parts, each of them an object of protobuf's.
std::string EncodeSpan(const Span& span) {
  WireSizer sizer;
  Describe(sizer, span);
  std::string out(WireSizer::NestedSize(pb::ScopeSpans::kSpansFieldNumber, sizer.size()), '\0');
  WireWriter writer(reinterpret_cast<uint8_t*>(out.data()));
  writer.Length(pb::ScopeSpans::kSpansFieldNumber, sizer.size());
  Describe(writer, span);
  return out;
}

std::string EncodeRequest(std::span<const std::string> spans, const OtlpResource& resource,
                          const std::string& version) {
  const auto describe_resource = [&resource](auto& wire) {
    wire.Message(pb::ResourceSpans::kResourceFieldNumber, [&resource](auto& inside) {
      for (const auto& [name, value] : resource) {
        inside.Message(pb::Resource::kAttributesFieldNumber,
                       [&](auto& attribute) { DescribeText(attribute, name, value); });
      }
    });
    wire.String(pb::ResourceSpans::kSchemaUrlFieldNumber, kSchema);
  };
  const auto describe_scope = [&version](auto& wire) {
    wire.Message(pb::ScopeSpans::kScopeFieldNumber, [&version](auto& scope) {
      scope.String(pb::InstrumentationScope::kNameFieldNumber, "sluice");
      scope.String(pb::InstrumentationScope::kVersionFieldNumber, version);
    });
    wire.String(pb::ScopeSpans::kSchemaUrlFieldNumber, kSchema);
  };
  WireSizer scope, around;
  describe_scope(scope);
  describe_resource(around);
  size_t scope_size = scope.size();
  for (const std::string& span : spans) scope_size += span.size();
  const size_t resource_size =
      around.size() + WireSizer::NestedSize(pb::ResourceSpans::kScopeSpansFieldNumber, scope_size);

  std::string out(WireSizer::NestedSize(pb::ExportTraceServiceRequest::kResourceSpansFieldNumber, resource_size), '\0');
  WireWriter writer(reinterpret_cast<uint8_t*>(out.data()));
  writer.Length(pb::ExportTraceServiceRequest::kResourceSpansFieldNumber, resource_size);
  describe_resource(writer);
  writer.Length(pb::ResourceSpans::kScopeSpansFieldNumber, scope_size);
  describe_scope(writer);
  uint8_t* position = writer.position();
  for (const std::string& span : spans) position = std::ranges::copy(span, position).out;
  return out;
}

Rejected RejectedIn(std::string_view body) {
  pb::ExportTraceServiceResponse response;
  if (!response.ParseFromArray(body.data(), static_cast<int>(body.size()))) return {};
  const pb::ExportTracePartialSuccess& partial = response.partial_success();
  return {.spans = static_cast<uint64_t>(std::max<int64_t>(0, partial.rejected_spans())),
          .why = partial.error_message()};
}

}  // namespace sluice
