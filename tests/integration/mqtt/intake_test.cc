// Both drivers take in what a broker has: flags, properties, identifiers, over every transport.
#include "tests/integration/mqtt/fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::Pair;

class IntakeTest : public testing::TestWithParam<Dialect> {
 protected:
  MqttOptions Options() { return OptionsFor(broker_.uri(), GetParam()); }
  Mosquitto broker_;
};
INSTANTIATE_TEST_SUITE_P(Dialects, IntakeTest, testing::ValuesIn(AllDialects()), DialectName);

TEST_P(IntakeTest, HandsOverEveryQos) {
  TestIntake intake(Options(), {{.filter = "plant/#", .qos = Qos::kExactlyOnce, .id = 7}});
  ASSERT_TRUE(intake.Ready());
  MqttDevice device(broker_.uri());
  for (Qos qos : {Qos::kAtMostOnce, Qos::kAtLeastOnce, Qos::kExactlyOnce}) {
    device.Publish("plant/1/temp", "21.5", qos);
  }
  std::vector<InboundMessage> messages = intake.messages().WaitFor(3);
  ASSERT_EQ(messages.size(), 3u);
  for (uint8_t qos = 0; qos <= 2; ++qos) {
    const Message& message = *messages[qos].message;
    EXPECT_EQ(message.topic, "plant/1/temp");
    EXPECT_EQ(message.payload, "21.5");
    EXPECT_EQ(static_cast<int>(message.qos), qos);
    EXPECT_FALSE(message.retain);
    EXPECT_FALSE(message.dup);
    EXPECT_EQ(message.properties, nullptr);
    EXPECT_GT(message.received_unix_ms, 0);
  }
}

TEST_P(IntakeTest, GrantsNoMoreThanTheSubscriptionsQos) {
  TestIntake intake(Options(), {{.filter = "a", .qos = Qos::kAtMostOnce, .id = 1}});
  ASSERT_TRUE(intake.Ready());
  MqttDevice device(broker_.uri());
  device.Publish("a", "x", Qos::kExactlyOnce);
  ASSERT_EQ(intake.messages().WaitFor(1).size(), 1u);
  EXPECT_EQ(intake.messages().values()[0].message->qos, Qos::kAtMostOnce);
}

TEST_P(IntakeTest, CarriesAnyPayloadAndTopic) {
  TestIntake intake(Options(), {{.filter = "#", .qos = Qos::kAtLeastOnce, .id = 1}});
  ASSERT_TRUE(intake.Ready());
  MqttDevice device(broker_.uri());
  std::string binary = std::string("\0\xFF\xFE nul and bytes\0", 18);
  std::string large(3 << 20, 'x');
  device.Publish("Anlage/Öl/温度", binary);
  device.Publish("empty", "");
  device.Publish("large", large);
  std::vector<InboundMessage> messages = intake.messages().WaitFor(3);
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(messages[0].message->topic, "Anlage/Öl/温度");
  EXPECT_EQ(messages[0].message->payload, binary);
  EXPECT_EQ(messages[1].message->payload, "");
  EXPECT_EQ(messages[2].message->payload, large);
}

TEST_P(IntakeTest, MarksRetainedMessages) {
  MqttDevice device(broker_.uri());
  device.Publish("state", "on", Qos::kAtLeastOnce, /*retain=*/true);
  TestIntake intake(Options(), {{.filter = "state", .qos = Qos::kAtLeastOnce, .id = 1}});
  ASSERT_EQ(intake.messages().WaitFor(1).size(), 1u);
  EXPECT_TRUE(intake.messages().values()[0].message->retain);
}

TEST_P(IntakeTest, KeepsTheBytesAliveAsLongAsTheMessage) {
  MessagePtr kept;
  {
    TestIntake intake(Options(), {{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1}});
    ASSERT_TRUE(intake.Ready());
    MqttDevice device(broker_.uri());
    device.Publish("a", "still here");
    ASSERT_EQ(intake.messages().WaitFor(1).size(), 1u);
    kept = intake.messages().values()[0].message;
  }
  EXPECT_EQ(kept->topic, "a");
  EXPECT_EQ(kept->payload, "still here");
}

TEST_P(IntakeTest, LeavesSharedSubscriptionsOnly) {
  TestIntake intake(Options(), {{.filter = "$share/sluice/work", .qos = Qos::kAtLeastOnce, .id = 1},
                                {.filter = "own", .qos = Qos::kAtLeastOnce, .id = 2}});
  ASSERT_TRUE(intake.Ready());
  MqttDevice device(broker_.uri());
  device.Publish("work", "1");
  ASSERT_EQ(intake.messages().WaitFor(1).size(), 1u);
  EXPECT_TRUE(intake->UnsubscribeShared(Clock::Real().Now() + kTestDeadline));
  EXPECT_FALSE(intake->State().ready);
  device.Publish("work", "2");
  device.Publish("own", "3");
  EXPECT_THAT(Payloads(intake.messages().WaitFor(2)), ElementsAre("1", "3"));
}

TEST_P(IntakeTest, LeavesNothingWhereNothingIsShared) {
  TestIntake intake(Options(), {{.filter = "own", .qos = Qos::kAtLeastOnce, .id = 2}});
  ASSERT_TRUE(intake.Ready());
  EXPECT_TRUE(intake->UnsubscribeShared(Clock::Real().Now() + kTestDeadline));
  EXPECT_TRUE(intake->State().ready);
}

TEST_P(IntakeTest, HandsOverNothingAfterStop) {
  TestIntake intake(Options(), {{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1}});
  ASSERT_TRUE(intake.Ready());
  intake->Stop(Clock::Real().Now() + kTestDeadline);
  intake->Stop(Clock::Real().Now() + kTestDeadline);
  EXPECT_EQ(intake->State().detail, "stopped");
  MqttDevice device(broker_.uri());
  device.Publish("a", "late");
  EXPECT_TRUE(intake.messages().values().empty());
}

using IntakeMqtt5Test = IntakeTest;
INSTANTIATE_TEST_SUITE_P(Dialects, IntakeMqtt5Test, testing::ValuesIn(Mqtt5Dialects()), DialectName);

TEST_P(IntakeMqtt5Test, CarriesPropertiesAndSubscriptionIdentifiers) {
  TestIntake intake(Options(), {{.filter = "plant/#", .qos = Qos::kAtLeastOnce, .id = 7},
                                {.filter = "+/1", .qos = Qos::kAtLeastOnce, .id = 300'000}});
  ASSERT_TRUE(intake.Ready());
  MqttDevice device(broker_.uri());
  Properties properties;
  properties.content_type = "application/json";
  properties.response_topic = "plant/1/reply";
  properties.correlation_data = std::string("\0\x01", 2);
  properties.expiry_s = 100;
  properties.user = {{"a", "1"}, {"a", "2"}};
  device.Publish("plant/1", "{}", Qos::kAtLeastOnce, false, properties);
  // mosquitto 2.0 sends one message with both identifiers, or one for each.
  std::vector<InboundMessage> messages = intake.messages().WaitUntil([](const std::vector<InboundMessage>& all) {
    size_t ids = 0;
    for (const InboundMessage& inbound : all) ids += inbound.subscription_ids.size();
    return ids >= 2;
  });
  std::vector<uint32_t> ids;
  for (const InboundMessage& inbound : messages) {
    ids.insert(ids.end(), inbound.subscription_ids.begin(), inbound.subscription_ids.end());
    const Properties* got = inbound.message->properties.get();
    ASSERT_NE(got, nullptr);
    EXPECT_EQ(got->content_type, "application/json");
    EXPECT_EQ(got->response_topic, "plant/1/reply");
    EXPECT_EQ(got->correlation_data, std::string("\0\x01", 2));
    ASSERT_TRUE(got->expiry_s.has_value());
    EXPECT_LE(*got->expiry_s, 100u);
    EXPECT_THAT(got->user, ElementsAre(Pair("a", "1"), Pair("a", "2")));
  }
  EXPECT_THAT(ids, testing::UnorderedElementsAre(7, 300'000));
}

TEST_P(IntakeTest, WorksOverWebSockets) {
  Mosquitto broker({.websockets = true});
  TestIntake intake(OptionsFor(broker.ws_uri(), GetParam()), {{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1}});
  ASSERT_TRUE(intake.Ready());
  ExpectToHear(intake, broker, "through a WebSocket");
}

}  // namespace
}  // namespace sluice
