#include "server/worker/frame_encoder.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <optional>
#include <random>

#include "sluice/v1/worker.pb.h"
#include "tests/support/worker_fakes.h"

namespace sluice {
namespace {

constexpr SteadyTime kNow = SteadyTime(Millis(1'000'000));

v1::GatewayFrame EncodeAndParse(const OutgoingFrame& frame) {
  FrameEncoder encoder;
  v1::GatewayFrame parsed;
  EXPECT_TRUE(parsed.ParseFromString(encoder.Encode(frame, kNow).Flatten()));
  return parsed;
}

void ExpectEqual(const v1::GatewayFrame& got, const v1::GatewayFrame& want) {
  std::string difference;
  google::protobuf::util::MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&difference);
  EXPECT_TRUE(differencer.Compare(want, got)) << difference;
}

class FrameEncoderTest : public testing::Test {
 protected:
  PendingDelivery Pending(MessagePtr message) {
    PendingDelivery pending;
    pending.delivery.id = 42;
    pending.delivery.message = std::move(message);
    pending.delivery.route = &route_;
    pending.delivery.chain = &chain_;
    pending.delivery.message_id = {0x0123456789abcdef, 0xfedcba9876543210};
    pending.delivery.attempt = 1;
    pending.lease_ends = kNow + Millis(30'000);
    return pending;
  }

  Route route_{.id = "plant", .connection = "c", .filter = "plant/#", .share = "", .target = {}};
  Chain chain_{"temperature"};
};

TEST_F(FrameEncoderTest, WritesEveryFieldOfADelivery) {
  auto properties = std::make_unique<Properties>();
  properties->content_type = "application/json";
  properties->response_topic = "answer/größe";
  properties->correlation_data = std::string("\0\xFF\x80", 3);
  properties->user = {{"a", "1"}, {"_debugMode", "true"},    {"b", ""},
                      {"", "x"},  {"RESPONSEtopic", "evil"}, {"responseQos", "2"}};
  properties->expiry_s = 100;
  MessagePtr made =
      MakeMessage("plant/1/temp", std::string("\0\x01\xFF", 3), std::move(properties), kNow - Millis(2'500));
  auto message = std::const_pointer_cast<Message>(made);
  message->qos = Qos::kExactlyOnce;
  message->retain = true;
  message->dup = true;
  message->received_unix_ms = 1'700'000'000'123;
  route_.data_type = DataType::kBinary;
  route_.headers_to_metadata = true;
  OutgoingFrame frame;
  frame.deliveries.push_back(Pending(message));
  frame.deliveries[0].delivery.start_node = "node3";
  frame.deliveries[0].delivery.ordering_key = message->topic;
  frame.deliveries[0].delivery.attempt = 300;

  v1::GatewayFrame want;
  v1::Delivery* delivery = want.add_deliveries();
  delivery->set_delivery_id(42);
  delivery->set_message_id("01234567-89ab-cdef-fedc-ba9876543210");
  delivery->set_route("plant");
  delivery->set_chain("temperature");
  delivery->set_start_node("node3");
  delivery->set_topic("plant/1/temp");
  delivery->set_payload(std::string("\0\x01\xFF", 3));
  delivery->set_qos(2);
  delivery->set_retain(true);
  delivery->set_dup(true);
  delivery->set_data_type(v1::DATA_TYPE_BINARY);
  delivery->set_received_unix_ms(1'700'000'000'123);
  delivery->set_age_ms(2'500);
  delivery->set_lease_ms(30'000);
  delivery->set_attempt(300);
  delivery->set_ordering_key("plant/1/temp");
  delivery->set_content_type("application/json");
  delivery->set_response_topic("answer/größe");
  delivery->set_correlation_data(std::string("\0\xFF\x80", 3));
  for (const auto& [name, value] : message->properties->user) {
    v1::UserProperty* property = delivery->add_user_properties();
    property->set_name(name);
    property->set_value(value);
  }
  delivery->set_expiry_s(98);
  (*delivery->mutable_metadata())["a"] = "1";
  (*delivery->mutable_metadata())["b"] = "";
  (*delivery->mutable_metadata())[""] = "x";
  ASSERT_EQ(delivery->GetDescriptor()->field_count(), 22) << "a new field: encode it, and test it here";
  v1::GatewayFrame got = EncodeAndParse(frame);
  ExpectEqual(got, want);
  EXPECT_GE(DeliverySizeBound(frame.deliveries[0].delivery), want.ByteSizeLong());
}

TEST_F(FrameEncoderTest, ADeviceSteersRepliesOnlyWhereTheRouteTrustsIt) {
  route_.headers_to_metadata = true;
  for (const bool trusted : {false, true}) {
    route_.trust_reply_headers = trusted;
    auto properties = std::make_unique<Properties>();
    properties->user = {{"unit", "K"}, {"responseTopic", "evil"}, {"RESPONSEQOS", "2"}, {"_debugMode", "true"}};
    OutgoingFrame frame;
    frame.deliveries.push_back(Pending(MakeMessage("t", "p", std::move(properties))));
    const v1::GatewayFrame parsed = EncodeAndParse(frame);
    const auto& metadata = parsed.deliveries(0).metadata();
    EXPECT_EQ(metadata.contains("responseTopic"), trusted);
    EXPECT_EQ(metadata.contains("RESPONSEQOS"), trusted);
    EXPECT_FALSE(metadata.contains("_debugMode"));
    EXPECT_TRUE(metadata.contains("unit"));
    EXPECT_EQ(parsed.deliveries(0).user_properties_size(), 4) << "as they came";
  }
}

TEST_F(FrameEncoderTest, WritesEverythingElse) {
  OutgoingFrame frame;
  v1::Welcome welcome;
  welcome.set_session_id("s-1");
  frame.welcome = welcome.SerializeAsString();
  frame.results.push_back({.reply_id = 1,
                           .delivery_id = 2,
                           .code = ItemResult::Code::kRefused,
                           .mqtt_reason_code = 0x97,
                           .message = "quota exceeded"});
  frame.results.push_back({.message = "", .lease_ms = 5'000});
  frame.revokes.push_back({.delivery_id = 7, .reason = RevokeReason::kNotBegun});
  frame.ping = 0;
  frame.pong = UINT64_MAX;
  frame.drain = DrainNotice{Millis(20'000), "shutting down"};

  v1::GatewayFrame want;
  *want.mutable_welcome() = welcome;
  v1::Result* result = want.add_results();
  result->set_reply_id(1);
  result->set_delivery_id(2);
  result->set_code(v1::Result::CODE_REFUSED);
  result->set_mqtt_reason_code(0x97);
  result->set_message("quota exceeded");
  want.add_results()->set_lease_ms(5'000);
  want.add_revokes()->set_delivery_id(7);
  want.mutable_revokes(0)->set_reason(v1::Revoke::REASON_NOT_BEGUN);
  want.mutable_ping();
  want.mutable_pong()->set_nonce(UINT64_MAX);
  want.mutable_drain()->set_deadline_ms(20'000);
  want.mutable_drain()->set_reason("shutting down");
  ASSERT_EQ(result->GetDescriptor()->field_count(), 6) << "a new field: encode it, and test it here";
  ASSERT_EQ(want.GetDescriptor()->field_count(), 7) << "a new field: encode it, and test it here";
  ExpectEqual(EncodeAndParse(frame), want);
}

TEST_F(FrameEncoderTest, AnEmptyFrameIsNoBytes) { ExpectEqual(EncodeAndParse({}), {}); }

TEST_F(FrameEncoderTest, LargePayloadsAreSharedNotCopied) {
  OutgoingFrame frame;
  MessagePtr small = MakeMessage("s", std::string(kSharedPayloadBytes - 1, 's'));
  MessagePtr large = MakeMessage("l", std::string(kSharedPayloadBytes, 'l'));
  for (const MessagePtr& message : {large, small, large, small}) frame.deliveries.push_back(Pending(message));
  frame.ping = 5;
  FrameEncoder encoder;
  std::optional<rpc::Payload> payload = encoder.Encode(frame, kNow);
  v1::GatewayFrame parsed;
  ASSERT_TRUE(parsed.ParseFromString(payload->Flatten()));
  ASSERT_EQ(parsed.deliveries_size(), 4);
  for (int i = 0; i < 4; ++i) {
    const MessagePtr& message = frame.deliveries[static_cast<size_t>(i)].delivery.message;
    EXPECT_EQ(parsed.deliveries(i).payload(), message->payload);
    EXPECT_EQ(parsed.deliveries(i).topic(), message->topic);
  }
  EXPECT_EQ(parsed.ping().nonce(), 5);
  size_t shared = 0;
  for (size_t i = 0; i < payload->pieces(); ++i) {
    if (payload->piece(i).data() == large->payload.data()) ++shared;
  }
  EXPECT_EQ(shared, 2);

  frame.Clear();
  EXPECT_GT(large.use_count(), 1) << "the payload keeps the message alive";
  payload.reset();
  EXPECT_EQ(large.use_count(), 1);
}

TEST_F(FrameEncoderTest, MendsTextThatWouldMakeTheReceiverRejectTheFrame) {
  auto properties = std::make_unique<Properties>();
  properties->user = {{"bad\xFF", "value\xC3"}};
  OutgoingFrame frame;
  frame.deliveries.push_back(Pending(MakeMessage("top\xFFic", "p", std::move(properties))));
  frame.results.push_back({.message = "\x80"});
  v1::GatewayFrame parsed = EncodeAndParse(frame);
  EXPECT_EQ(parsed.deliveries(0).topic(), "top?ic");
  EXPECT_EQ(parsed.deliveries(0).user_properties(0).name(), "bad?");
  EXPECT_EQ(parsed.results(0).message(), "?");
}

TEST_F(FrameEncoderTest, LeaseAndExpiryAreWhatIsLeft) {
  auto properties = std::make_unique<Properties>();
  properties->expiry_s = 10;
  OutgoingFrame frame;
  frame.deliveries.push_back(Pending(MakeMessage("t", "p", std::move(properties), kNow - Millis(11'000))));
  frame.deliveries[0].lease_ends = kNow + Millis(1'234);
  v1::GatewayFrame parsed = EncodeAndParse(frame);
  EXPECT_TRUE(parsed.deliveries(0).has_expiry_s());
  EXPECT_EQ(parsed.deliveries(0).expiry_s(), 0);
  EXPECT_EQ(parsed.deliveries(0).lease_ms(), 1'234);
}

TEST_F(FrameEncoderTest, NoDeliveryIsLargerThanItsBound) {
  std::mt19937 random(7);
  auto text = [&](size_t max) { return std::string(random() % (max + 1), 'x'); };
  for (int round = 0; round < 500; ++round) {
    std::unique_ptr<Properties> properties;
    if (random() % 2 == 0) {
      properties = std::make_unique<Properties>();
      properties->content_type = text(300);
      properties->response_topic = text(300);
      if (random() % 2 == 0) properties->correlation_data = text(300);
      for (size_t i = random() % 10; i > 0; --i) properties->user.emplace_back(text(200), text(20'000));
      if (random() % 2 == 0) properties->expiry_s = UINT32_MAX;
    }
    route_.headers_to_metadata = random() % 2 == 0;
    route_.id = text(300);
    chain_.name = text(300);
    OutgoingFrame frame;
    frame.deliveries.push_back(Pending(MakeMessage(text(65'535), text(70'000), std::move(properties))));
    Delivery& delivery = frame.deliveries[0].delivery;
    delivery.id = UINT64_MAX;
    delivery.attempt = UINT32_MAX;
    delivery.ordering_key = delivery.message->topic;
    delivery.start_node = text(300);
    std::const_pointer_cast<Message>(delivery.message)->received_unix_ms = -1;
    FrameEncoder encoder;
    const rpc::Payload payload = encoder.Encode(frame, kNow + Millis(INT64_MAX / 10'000'000));
    EXPECT_LE(payload.size(), DeliverySizeBound(delivery));
  }
}

}  // namespace
}  // namespace sluice
