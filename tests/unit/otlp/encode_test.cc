#include "server/otlp/encode.h"

#include <gtest/gtest.h>

#include "sluice/otlp/v1/otlp.pb.h"

namespace sluice {
namespace {

namespace pb = ::sluice::otlp::v1;

std::string OneSpan(const Span& span, const OtlpResource& resource, const std::string& version) {
  const std::string encoded = EncodeSpan(span);
  return EncodeRequest({&encoded, 1}, resource, version);
}

TEST(EncodeRequest, HasIdsInTheOrderOfTheirDigitsAndAllElse) {
  Span span;
  span.trace = {0x0102030405060708, 0x090a0b0c0d0e0f10};
  span.id = 0x1112131415161718;
  span.parent = 0x2122232425262728;
  span.kind = SpanKind::kConsumer;
  span.name = "process plant";
  span.start_unix_ns = 5;
  span.end_unix_ns = 9;
  span.Set("text", "value");
  span.Set("empty", "");
  span.Set("number", int64_t{-7});
  span.events.push_back({.name = "settled", .unix_ns = 9, .attributes = {}});
  span.links.push_back({{1, 2}, 3});
  span.error = true;
  span.status = "not \xff UTF-8";

  pb::ExportTraceServiceRequest request;
  ASSERT_TRUE(request.ParseFromString(OneSpan(span, {{"service.name", "sluice"}}, "0.1.0")));

  const pb::ResourceSpans& of = request.resource_spans(0);
  EXPECT_EQ(of.resource().attributes(0).key(), "service.name");
  EXPECT_EQ(of.resource().attributes(0).value().string_value(), "sluice");
  EXPECT_EQ(of.scope_spans(0).scope().version(), "0.1.0");
  const pb::Span& out = of.scope_spans(0).spans(0);
  EXPECT_EQ(out.trace_id(), "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10");
  EXPECT_EQ(out.span_id(), "\x11\x12\x13\x14\x15\x16\x17\x18");
  EXPECT_EQ(out.parent_span_id(), "\x21\x22\x23\x24\x25\x26\x27\x28");
  EXPECT_EQ(out.kind(), 5);
  EXPECT_EQ(out.start_time_unix_nano(), 5u);
  EXPECT_EQ(out.end_time_unix_nano(), 9u);
  ASSERT_EQ(out.attributes_size(), 2);
  EXPECT_EQ(out.attributes(0).value().string_value(), "value");
  EXPECT_EQ(out.attributes(1).value().int_value(), -7);
  EXPECT_EQ(out.events(0).name(), "settled");
  EXPECT_EQ(out.links(0).span_id(), std::string("\0\0\0\0\0\0\0\3", 8));
  EXPECT_EQ(out.status().code(), 2);
  EXPECT_EQ(out.status().message(), "not ? UTF-8");
}

TEST(EncodeRequest, AFirstSpanHasNoParentAndWhatWentWellHasNoStatus) {
  Span span;
  span.start_unix_ns = 9;
  span.end_unix_ns = 5;  // The clock was set.
  pb::ExportTraceServiceRequest request;
  ASSERT_TRUE(request.ParseFromString(OneSpan(span, {}, "")));
  const pb::Span& out = request.resource_spans(0).scope_spans(0).spans(0);
  EXPECT_EQ(out.parent_span_id(), "");
  EXPECT_FALSE(out.has_status());
  EXPECT_EQ(out.end_time_unix_nano(), 9u);
}

TEST(RejectedIn, IsWhatThePartialSuccessSays) {
  pb::ExportTraceServiceResponse response;
  EXPECT_EQ(RejectedIn(response.SerializeAsString()).spans, 0u);
  response.mutable_partial_success()->set_rejected_spans(3);
  response.mutable_partial_success()->set_error_message("too old");
  EXPECT_EQ(RejectedIn(response.SerializeAsString()).spans, 3u);
  EXPECT_EQ(RejectedIn(response.SerializeAsString()).why, "too old");
  EXPECT_EQ(RejectedIn("<html>").spans, 0u);
}

}  // namespace
}  // namespace sluice
