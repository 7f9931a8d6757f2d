#include "server/deadletter/publication.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/deadletter/letters.h"

namespace sluice {
namespace {

using testing::Contains;
using testing::Pair;

class PublicationTest : public testing::Test {
 protected:
  PublicationTest() {
    options_.dead_letter_topic = "plant/dead";
    options_.dead_letter_qos = Qos::kExactlyOnce;
    letter_ = MakeLetter();
    auto properties = std::make_unique<Properties>();
    properties->content_type = "text/plain";
    properties->correlation_data = "abc";
    properties->user = {{"unit", "°C"}};
    properties->expiry_s = 60;
    MessageSpec spec{.payload = std::string("\0 81.5", 6), .properties = std::move(properties)};
    letter_.message = MakeMessage(std::move(spec));
  }
  std::shared_ptr<const OutboundMessage> Publish(DeadLetterFormat format, bool mqtt5) {
    options_.dead_letter_format = format;
    auto message = PublicationOf(letter_, options_, mqtt5);
    EXPECT_EQ(message->topic, "plant/dead");
    EXPECT_EQ(message->qos, Qos::kExactlyOnce);
    EXPECT_FALSE(message->retain);
    return message;
  }

  ChainOptions options_;
  StoredLetter letter_;
  const std::string envelope_ =
      R"({"messageId":"018bcfe5-6800-7000-0000-000000000001","reason":"rejected: no unit","attempts":5,)"
      R"("worker":"alarm/1","chain":"readings","route":"temperature","startNode":"node3",)"
      R"("topic":"plant/boiler/temp","qos":1,"retain":false,"receivedUnixMs":0,"diedUnixMs":1700000000000,)"
      R"("contentType":"text/plain","correlationData":"YWJj","userProperties":[["unit","°C"]],"payload":"ACA4MS41"})";
};

TEST_F(PublicationTest, WithMqtt5ItIsThePayloadAndUserPropertiesTellWhy) {
  const auto message = Publish(DeadLetterFormat::kAuto, true);
  EXPECT_EQ(message->payload, letter_.message->payload);
  ASSERT_NE(message->properties, nullptr);
  EXPECT_EQ(message->properties->content_type, "text/plain");
  EXPECT_EQ(message->properties->correlation_data, "abc");
  EXPECT_EQ(message->properties->expiry_s, std::nullopt) << "a dead letter is not to vanish";
  const UserProperties& user = message->properties->user;
  EXPECT_THAT(user, Contains(Pair("unit", "°C")));
  EXPECT_THAT(user, Contains(Pair("sluice-reason", "rejected: no unit")));
  EXPECT_THAT(user, Contains(Pair("sluice-attempts", "5")));
  EXPECT_THAT(user, Contains(Pair("sluice-topic", "plant/boiler/temp")));
  EXPECT_THAT(user, Contains(Pair("sluice-chain", "readings")));
  EXPECT_THAT(user, Contains(Pair("sluice-route", "temperature")));
  EXPECT_THAT(user, Contains(Pair("sluice-message-id", letter_.id.ToString())));
  EXPECT_THAT(user, Contains(Pair("sluice-worker", "alarm/1")));
}

// A broker may close the connection over them (MQTT 5.0 §1.5.4), and all replies would wait.
TEST_F(PublicationTest, HasNoControlCharactersInItsProperties) {
  letter_.reason = "Traceback:\n\tline 1";
  letter_.worker = "alarm/\xEF\xBF\xBE";
  auto properties = std::make_unique<Properties>();
  properties->content_type = "text\x01";
  properties->response_topic = "back/\x7F";
  properties->user = {{"a\x02", "b\xC2\x85"}};
  letter_.message = MakeMessage({.properties = std::move(properties)});
  const auto message = Publish(DeadLetterFormat::kAuto, true);
  EXPECT_EQ(message->properties->content_type, "text?");
  EXPECT_EQ(message->properties->response_topic, "");
  const UserProperties& user = message->properties->user;
  EXPECT_THAT(user, Contains(Pair("a?", "b??")));
  EXPECT_THAT(user, Contains(Pair("sluice-reason", "Traceback:??line 1")));
  EXPECT_THAT(user, Contains(Pair("sluice-worker", "alarm/???")));
}

TEST_F(PublicationTest, WithMqtt311ItIsAnEnvelope) {
  const auto message = Publish(DeadLetterFormat::kAuto, false);
  EXPECT_EQ(message->payload, envelope_);
  EXPECT_EQ(message->properties, nullptr);
}

TEST_F(PublicationTest, AnEnvelopeCanBeHadWithMqtt5Too) {
  const auto message = Publish(DeadLetterFormat::kEnvelope, true);
  EXPECT_EQ(message->payload, envelope_);
  EXPECT_EQ(message->properties->content_type, "application/json");
}

TEST_F(PublicationTest, ThePayloadCanBeHadWithMqtt311Too) {
  const auto message = Publish(DeadLetterFormat::kPayload, false);
  EXPECT_EQ(message->payload, letter_.message->payload);
  EXPECT_EQ(message->properties, nullptr);
}

TEST_F(PublicationTest, WhatADeviceSaysInTheGatewaysNameIsLeftOut) {
  auto properties = std::make_unique<Properties>();
  properties->user = {{"sluice-reason", "made up"}, {"sluice-else", "x"}, {"unit", "°C"}};
  letter_.message = MakeMessage(MessageSpec{.properties = std::move(properties)});
  const auto message = Publish(DeadLetterFormat::kPayload, true);
  EXPECT_THAT(message->properties->user, Contains(Pair("sluice-reason", "rejected: no unit")));
  EXPECT_THAT(message->properties->user, testing::Not(Contains(Pair("sluice-reason", "made up"))));
  EXPECT_THAT(message->properties->user, testing::Not(Contains(Pair("sluice-else", "x"))));
  EXPECT_THAT(message->properties->user, Contains(Pair("unit", "°C")));
}

}  // namespace
}  // namespace sluice
