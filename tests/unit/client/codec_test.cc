// The SDK's own codec against the generated one.
#include <gtest/gtest.h>

#include <string>

#include "client/cpp/src/frame_decoder.h"
#include "client/cpp/src/frame_encoder.h"

namespace sluice::client {
namespace {

v1::Delivery FullDelivery() {
  v1::Delivery delivery;
  delivery.set_delivery_id(1ULL << 60);
  delivery.set_message_id("0190f4c1-7e2a-7000-8000-0123456789ab");
  delivery.set_route("r");
  delivery.set_chain("c");
  delivery.set_start_node("node3");
  delivery.set_topic("plant/kessel-ü/temp");
  delivery.set_payload(std::string("\0\xff\x80", 3));
  delivery.set_qos(2);
  delivery.set_retain(true);
  delivery.set_dup(true);
  delivery.set_data_type(v1::DATA_TYPE_BINARY);
  delivery.set_received_unix_ms(1'750'000'000'123);
  delivery.set_age_ms(77);
  delivery.set_lease_ms(30'000);
  delivery.set_attempt(3);
  delivery.set_ordering_key("key");
  delivery.set_content_type("application/json");
  delivery.set_response_topic("back");
  delivery.set_correlation_data(std::string("\0c", 2));
  for (const char* value : {"1", "2"}) {
    v1::UserProperty& property = *delivery.add_user_properties();
    property.set_name("n");
    property.set_value(value);
  }
  delivery.set_expiry_s(0);
  (*delivery.mutable_metadata())["k"] = "v";
  return delivery;
}

TEST(DecoderTest, ReadsEveryFieldOfADelivery) {
  v1::GatewayFrame frame;
  *frame.add_deliveries() = FullDelivery();
  const std::string bytes = frame.SerializeAsString();
  GatewayParts parts;
  ASSERT_TRUE(DecodeFrame(bytes, parts).ok());
  ASSERT_EQ(parts.deliveries.size(), 1U);
  const Message& message = parts.deliveries[0];
  EXPECT_EQ(message.delivery_id, 1ULL << 60);
  EXPECT_EQ(message.message_id, "0190f4c1-7e2a-7000-8000-0123456789ab");
  EXPECT_EQ(message.route, "r");
  EXPECT_EQ(message.chain, "c");
  EXPECT_EQ(message.start_node, "node3");
  EXPECT_EQ(message.topic, "plant/kessel-ü/temp");
  EXPECT_EQ(message.payload, std::string_view("\0\xff\x80", 3));
  EXPECT_EQ(message.qos, 2U);
  EXPECT_TRUE(message.retain);
  EXPECT_TRUE(message.dup);
  EXPECT_EQ(message.data_type, DataType::kBinary);
  EXPECT_EQ(message.received_unix_ms, 1'750'000'000'123);
  EXPECT_EQ(message.age, std::chrono::milliseconds(77));
  EXPECT_EQ(message.lease, std::chrono::milliseconds(30'000));
  EXPECT_EQ(message.attempt, 3U);
  EXPECT_EQ(message.ordering_key, "key");
  EXPECT_EQ(message.content_type, "application/json");
  EXPECT_EQ(message.response_topic, "back");
  EXPECT_EQ(message.correlation_data, std::string_view("\0c", 2));
  ASSERT_EQ(message.user_properties.size(), 2U);
  EXPECT_EQ(message.user_properties[1].second, "2");
  EXPECT_EQ(message.expiry_s, 0U);
  ASSERT_EQ(message.metadata.size(), 1U);
  EXPECT_EQ(message.metadata[0].first, "k");
}

TEST(DecoderTest, ReadsAFrameWithAnyCombinationOfParts) {
  v1::GatewayFrame frame;
  frame.mutable_welcome()->set_gateway("g");
  frame.add_deliveries()->set_delivery_id(1);
  frame.add_deliveries()->set_delivery_id(2);
  frame.add_results()->set_code(v1::Result::CODE_TOO_LARGE);
  frame.mutable_ping()->set_nonce(7);
  frame.mutable_pong();
  frame.mutable_drain()->set_reason("bye");
  const std::string bytes = frame.SerializeAsString();
  GatewayParts parts;
  ASSERT_TRUE(DecodeFrame(bytes, parts).ok());
  EXPECT_EQ(parts.welcome->gateway(), "g");
  EXPECT_EQ(parts.deliveries.size(), 2U);
  EXPECT_EQ(parts.results.at(0).code, ItemResult::Code::kTooLarge);
  EXPECT_EQ(parts.ping, 7U);
  EXPECT_EQ(parts.pong, 0U);
  EXPECT_EQ(parts.drain->reason(), "bye");
}

TEST(DecoderTest, PassesOverWhatItDoesNotKnow) {
  v1::GatewayFrame frame;
  v1::Delivery& delivery = *frame.add_deliveries();
  delivery.set_delivery_id(1);
  delivery.set_data_type(static_cast<v1::DataType>(99));
  delivery.GetReflection()->MutableUnknownFields(&delivery)->AddVarint(1000, 5);
  delivery.GetReflection()->MutableUnknownFields(&delivery)->AddFixed64(1001, 5);
  frame.GetReflection()->MutableUnknownFields(&frame)->AddLengthDelimited(1002, "x");
  v1::Result& result = *frame.add_results();
  result.set_code(static_cast<v1::Result::Code>(55));
  const std::string bytes = frame.SerializeAsString();
  GatewayParts parts;
  ASSERT_TRUE(DecodeFrame(bytes, parts).ok());
  EXPECT_EQ(parts.deliveries.at(0).data_type, DataType::kUnspecified);
  EXPECT_EQ(parts.results.at(0).code, ItemResult::Code::kUnknown);
}

TEST(DecoderTest, SurvivesEveryTruncationAndEveryFlippedByte) {
  v1::GatewayFrame frame;
  *frame.add_deliveries() = FullDelivery();
  frame.mutable_ping()->set_nonce(300);
  const std::string whole = frame.SerializeAsString();
  for (size_t size = 1; size < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    GatewayParts parts;
    const Status status = DecodeFrame(cut, parts);
    v1::GatewayFrame judge;
    EXPECT_EQ(status.ok(), judge.ParseFromString(cut)) << size;
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xFF}) {
      std::string bad = whole;
      bad[at] = static_cast<char>(bad[at] ^ flip);
      GatewayParts parts;
      (void)DecodeFrame(bad, parts);  // No promise but to come back.
    }
  }
}

TEST(DecoderTest, RefusesADeliveryWithoutAnId) {
  v1::GatewayFrame frame;
  frame.add_deliveries();
  const std::string bytes = frame.SerializeAsString();
  GatewayParts parts;
  EXPECT_EQ(DecodeFrame(bytes, parts).code(), StatusCode::kInvalidArgument);
}

Reply FullReply() {
  return {.topic = "t",
          .payload = std::string("\0p", 2),
          .qos = 0,
          .retain = true,
          .reply_id = 9,
          .content_type = "ct",
          .response_topic = "rt",
          .correlation_data = "",
          .user_properties = {{"a", "1"}, {"a", ""}},
          .expiry_s = 0,
          .metadata = {{"responseQos", "1"}}};
}

void ExpectFull(const v1::Reply& reply) {
  EXPECT_EQ(reply.topic(), "t");
  EXPECT_EQ(reply.payload(), std::string("\0p", 2));
  EXPECT_TRUE(reply.has_qos());
  EXPECT_TRUE(reply.retain());
  EXPECT_EQ(reply.reply_id(), 9U);
  EXPECT_EQ(reply.content_type(), "ct");
  EXPECT_EQ(reply.response_topic(), "rt");
  EXPECT_TRUE(reply.has_correlation_data());
  ASSERT_EQ(reply.user_properties_size(), 2);
  EXPECT_EQ(reply.user_properties(0).value(), "1");
  EXPECT_EQ(reply.user_properties(1).name(), "a");
  EXPECT_TRUE(reply.has_expiry_s());
  EXPECT_EQ(reply.metadata().at("responseQos"), "1");
}

TEST(EncoderTest, WritesEveryFieldOfASettleAndItsReplies) {
  const std::vector<Reply> replies = {FullReply(), {}};
  Bytes bytes;
  ASSERT_TRUE(EncodeSettle({.delivery_id = 300,
                            .outcome = Outcome::kRetry,
                            .reason = "why",
                            .retry_after = std::chrono::hours(2),
                            .replies = replies},
                           SIZE_MAX, bytes));
  v1::WorkerFrame frame;
  ASSERT_TRUE(frame.ParseFromArray(bytes.view().data(), static_cast<int>(bytes.size())));
  ASSERT_EQ(frame.settles_size(), 1);
  const v1::Settle& settle = frame.settles(0);
  EXPECT_EQ(settle.delivery_id(), 300U);
  EXPECT_EQ(settle.outcome(), v1::OUTCOME_RETRY);
  EXPECT_EQ(settle.reason(), "why");
  EXPECT_EQ(settle.retry_after_ms(), 3'600'000U);
  ASSERT_EQ(settle.replies_size(), 2);
  ExpectFull(settle.replies(0));
  EXPECT_FALSE(settle.replies(1).has_qos());
  EXPECT_FALSE(settle.replies(1).has_correlation_data());
}

TEST(EncoderTest, OutputsTogetherAreOneFrame) {
  Bytes bytes;
  ASSERT_TRUE(EncodeEarlyReply(FullReply(), 5, SIZE_MAX, bytes));
  ASSERT_TRUE(EncodeSettle({.delivery_id = 1}, SIZE_MAX, bytes));
  EncodeExtends(std::vector<LeaseKeeper::Extension>{{2, Millis(500)}}, bytes);
  v1::WorkerFrame ping;
  ping.mutable_ping()->set_nonce(3);
  EncodeFrame(ping, bytes);
  v1::WorkerFrame frame;
  ASSERT_TRUE(frame.ParseFromArray(bytes.view().data(), static_cast<int>(bytes.size())));
  EXPECT_EQ(frame.replies(0).delivery_id(), 5U);
  ExpectFull(frame.replies(0));
  EXPECT_EQ(frame.settles(0).delivery_id(), 1U);
  EXPECT_EQ(frame.extends(0).lease_ms(), 500U);
  EXPECT_EQ(frame.ping().nonce(), 3U);
}

TEST(EncoderTest, WritesNothingThatIsTooLarge) {
  const std::vector<Reply> replies = {{.payload = std::string(1000, 'x')}};
  Bytes bytes;
  EXPECT_FALSE(EncodeSettle({.delivery_id = 1, .replies = replies}, 1000, bytes));
  EXPECT_FALSE(EncodeEarlyReply(replies[0], 1, 1000, bytes));
  EXPECT_TRUE(bytes.empty());
}

TEST(EncoderTest, KeepsAReasonShortAndValidUtf8) {
  std::string reason(1023, 'a');
  reason += "ü and more";
  Bytes bytes;
  ASSERT_TRUE(EncodeSettle({.delivery_id = 1, .outcome = Outcome::kReject, .reason = reason}, SIZE_MAX, bytes));
  ASSERT_TRUE(EncodeSettle({.delivery_id = 2, .reason = "\xff\xc3(\xed\xa0\x80ü"}, SIZE_MAX, bytes));
  v1::WorkerFrame frame;
  ASSERT_TRUE(frame.ParseFromArray(bytes.view().data(), static_cast<int>(bytes.size())));
  EXPECT_EQ(frame.settles(0).reason(), std::string(1023, 'a'));
  EXPECT_EQ(frame.settles(1).reason(), "\?\?(\?\?\?ü");
}

}  // namespace
}  // namespace sluice::client
