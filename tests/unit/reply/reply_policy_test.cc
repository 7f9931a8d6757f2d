#include "server/reply/reply_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/message/user_properties.h"
#include "tests/support/messages.h"

namespace sluice {
namespace {

class ReplyPolicyTest : public ::testing::Test {
 protected:
  // A message whose publisher asks for the answer on `topic`.
  static MessagePtr Request(const std::string& topic, const std::string& correlation) {
    auto properties = std::make_unique<Properties>();
    properties->response_topic = topic;
    properties->correlation_data = correlation;
    return MakeMessage({.properties = std::move(properties)});
  }

  std::unique_ptr<OutboundMessage> Published(WorkerReply reply) {
    ReplyDecision decision = DecideReply(reply, *message_, route_, rules_);
    auto* outbound = std::get_if<std::unique_ptr<OutboundMessage>>(&decision);
    return outbound == nullptr ? nullptr : std::move(*outbound);
  }
  ItemResult::Code Refused(WorkerReply reply) {
    ReplyDecision decision = DecideReply(reply, *message_, route_, rules_);
    auto* refused = std::get_if<ReplyRefused>(&decision);
    if (refused == nullptr) return ItemResult::Code::kOk;
    EXPECT_FALSE(refused->message.empty());
    return refused->code;
  }

  MessagePtr message_ = MakeMessage();
  Route route_;
  ReplyRules rules_{.permits = [](const Route&, std::string_view, std::string&) { return true; },
                    .max_payload_bytes = 16};
};

WorkerReply To(std::string topic) {
  WorkerReply reply;
  reply.topic = std::move(topic);
  return reply;
}

TEST_F(ReplyPolicyTest, PublishesNothingWhenNoTopicIsNamedAnywhere) {
  WorkerReply reply;
  EXPECT_TRUE(std::holds_alternative<NothingToPublish>(DecideReply(reply, *message_, route_, rules_)));
}

TEST_F(ReplyPolicyTest, TakesTheRepliesTopicBeforeMetadataBeforeTheMessagesResponseTopic) {
  message_ = Request("asked/for", "");
  WorkerReply all = To("field");
  all.metadata = {{"responseTopic", "metadata"}};
  EXPECT_EQ(Published(std::move(all))->topic, "field");
  WorkerReply metadata;
  metadata.metadata = {{"RESPONSETOPIC", "metadata"}};
  EXPECT_EQ(Published(std::move(metadata))->topic, "metadata");
  EXPECT_EQ(Published({})->topic, "asked/for");
}

TEST_F(ReplyPolicyTest, TakesTheQosFromTheFieldThenFromMetadataElseZero) {
  EXPECT_EQ(Published(To("t"))->qos, Qos::kAtMostOnce);
  WorkerReply metadata = To("t");
  metadata.metadata = {{"responseQos", "2"}};
  EXPECT_EQ(Published(std::move(metadata))->qos, Qos::kExactlyOnce);
  WorkerReply field = To("t");
  field.qos = 1;
  field.metadata = {{"responseQos", "2"}};
  EXPECT_EQ(Published(std::move(field))->qos, Qos::kAtLeastOnce);
}

TEST_F(ReplyPolicyTest, TakesAQosThatIsNoNumberForZeroAsRuleGoDoes) {
  for (const char* text : {"", "high", "1.5", "1 "}) {
    WorkerReply reply = To("t");
    reply.metadata = {{"responseQos", text}};
    EXPECT_EQ(Published(std::move(reply))->qos, Qos::kAtMostOnce) << text;
  }
}

TEST_F(ReplyPolicyTest, RefusesAQosOutOfRangeInsteadOfTruncatingIt) {
  for (const char* text : {"3", "-1", "256", "99999999999999999999"}) {
    WorkerReply reply = To("t");
    reply.metadata = {{"responseQos", text}};
    EXPECT_EQ(Refused(std::move(reply)), ItemResult::Code::kInvalidQos) << text;
  }
  WorkerReply reply = To("t");
  reply.qos = 3;
  EXPECT_EQ(Refused(std::move(reply)), ItemResult::Code::kInvalidQos);
}

TEST_F(ReplyPolicyTest, RefusesTopicsThatMqttDoesNotAllow) {
  for (const std::string& topic : {std::string("a/+"), std::string("a/#"), std::string("a\0b", 3),
                                   std::string(65'536, 'x'), std::string("\xc3\x28")}) {
    EXPECT_EQ(Refused(To(topic)), ItemResult::Code::kInvalidTopic);
  }
}

TEST_F(ReplyPolicyTest, RefusesWhatIsNotPermittedWithTheReason) {
  rules_.permits = [](const Route&, std::string_view, std::string& why) {
    why = "not allowed";
    return false;
  };
  EXPECT_EQ(Refused(To("t")), ItemResult::Code::kDenied);
}

TEST_F(ReplyPolicyTest, RefusesAPayloadAboveTheLimitAndTakesOneAtIt) {
  WorkerReply at = To("t");
  at.payload = std::string(16, 'x');
  EXPECT_NE(Published(std::move(at)), nullptr);
  WorkerReply above = To("t");
  above.payload = std::string(17, 'x');
  EXPECT_EQ(Refused(std::move(above)), ItemResult::Code::kTooLarge);
}

TEST_F(ReplyPolicyTest, EchoesCorrelationDataToTheResponseTopicOnly) {
  message_ = Request("asked/for", std::string("\0id", 3));
  EXPECT_EQ(Published({})->properties->correlation_data, std::string("\0id", 3));
  EXPECT_EQ(Published(To("elsewhere"))->properties, nullptr);
  WorkerReply own;
  own.properties = std::make_unique<Properties>();
  own.properties->correlation_data = "mine";
  EXPECT_EQ(Published(std::move(own))->properties->correlation_data, "mine");
}

TEST_F(ReplyPolicyTest, TurnsMetadataIntoUserPropertiesWhereTheRouteSaysSo) {
  WorkerReply reply = To("t");
  reply.metadata = {{"unit", "C"}, {"_debugMode", "true"}, {"responseQos", "1"}};
  route_.metadata_to_headers = true;
  std::unique_ptr<OutboundMessage> outbound = Published(std::move(reply));
  EXPECT_EQ(outbound->properties->user, (UserProperties{{"unit", "C"}}));

  WorkerReply unasked = To("t");
  unasked.metadata = {{"unit", "C"}};
  route_.metadata_to_headers = false;
  EXPECT_EQ(Published(std::move(unasked))->properties, nullptr);
}

TEST_F(ReplyPolicyTest, RefusesPropertiesThatMqttDoesNotAllow) {
  WorkerReply zero = To("t");
  zero.properties = std::make_unique<Properties>();
  zero.properties->user = {{"a", std::string("\0", 1)}};
  EXPECT_EQ(Refused(std::move(zero)), ItemResult::Code::kInvalid);
  WorkerReply wildcard = To("t");
  wildcard.properties = std::make_unique<Properties>();
  wildcard.properties->response_topic = "a/#";
  EXPECT_EQ(Refused(std::move(wildcard)), ItemResult::Code::kInvalid);
  WorkerReply large = To("t");
  large.properties = std::make_unique<Properties>();
  large.properties->correlation_data = std::string(65'536, 'x');
  EXPECT_EQ(Refused(std::move(large)), ItemResult::Code::kInvalid);
}

// An empty one is 5 bytes on the wire and a hundred in memory.
TEST_F(ReplyPolicyTest, BoundsTheUserPropertiesWithTheMetadataThatBecomesSome) {
  route_.metadata_to_headers = true;
  const auto with_properties = [](size_t count) {
    WorkerReply reply = To("t");
    reply.properties = std::make_unique<Properties>();
    reply.properties->user = UserProperties(count - 1);
    reply.metadata = {{"unit", "C"}};
    return reply;
  };
  EXPECT_NE(Published(with_properties(kMaxUserProperties)), nullptr);
  EXPECT_EQ(Refused(with_properties(kMaxUserProperties + 1)), ItemResult::Code::kInvalid);
}

TEST_F(ReplyPolicyTest, CarriesRetainAndPayloadAndProperties) {
  WorkerReply reply = To("t");
  reply.retain = true;
  reply.payload = std::string("\0\xff", 2);
  reply.properties = std::make_unique<Properties>();
  reply.properties->expiry_s = 9;
  std::unique_ptr<OutboundMessage> outbound = Published(std::move(reply));
  EXPECT_TRUE(outbound->retain);
  EXPECT_EQ(outbound->payload, std::string("\0\xff", 2));
  EXPECT_EQ(outbound->properties->expiry_s, 9u);
}

// MQTT 5.0 §1.5.4: a broker may close the connection over them.
TEST_F(ReplyPolicyTest, RefusesControlCharactersUnlessTheyAreAllowed) {
  const auto with = [](auto change) {
    WorkerReply reply = To("t");
    reply.properties = std::make_unique<Properties>();
    change(*reply.properties);
    return reply;
  };
  const auto content_type = [](Properties& properties) { properties.content_type = "text\x01"; };
  const auto response_topic = [](Properties& properties) { properties.response_topic = "a\xEF\xBF\xBE"; };
  const auto name = [](Properties& properties) { properties.user = {{"a\x7F", "b"}}; };
  const auto value = [](Properties& properties) { properties.user = {{"a", "\xC2\x85"}}; };
  EXPECT_EQ(Refused(To("out/\x01")), ItemResult::Code::kInvalidTopic);
  EXPECT_EQ(Refused(with(content_type)), ItemResult::Code::kInvalid);
  EXPECT_EQ(Refused(with(response_topic)), ItemResult::Code::kInvalid);
  EXPECT_EQ(Refused(with(name)), ItemResult::Code::kInvalid);
  EXPECT_EQ(Refused(with(value)), ItemResult::Code::kInvalid);
  rules_.allow_control_characters = true;
  EXPECT_EQ(Refused(To("out/\x01")), ItemResult::Code::kOk);
  EXPECT_EQ(Refused(with(content_type)), ItemResult::Code::kOk);
  EXPECT_EQ(Refused(with(response_topic)), ItemResult::Code::kOk);
  EXPECT_EQ(Refused(with(name)), ItemResult::Code::kOk);
  EXPECT_EQ(Refused(with(value)), ItemResult::Code::kOk);
}

TEST_F(ReplyPolicyTest, GivesBackWhatItRefuses) {
  rules_.permits = [](const Route&, std::string_view, std::string& why) {
    why = "no";
    return false;
  };
  WorkerReply reply = To("secret");
  reply.payload = "81.5";
  reply.qos = 1;
  reply.retain = true;
  reply.properties = std::make_unique<Properties>();
  reply.properties->content_type = "text";
  ReplyDecision decision = DecideReply(reply, *message_, route_, rules_);
  const auto& refused = std::get<ReplyRefused>(decision);
  EXPECT_EQ(refused.reply->topic, "secret");
  EXPECT_EQ(refused.reply->payload, "81.5");
  EXPECT_EQ(refused.reply->qos, Qos::kAtLeastOnce);
  EXPECT_TRUE(refused.reply->retain);
  EXPECT_EQ(refused.reply->properties->content_type, "text");
}

}  // namespace
}  // namespace sluice
