// The paho driver's intake over outages: brokers that are not there, come back, forget; sessions taken over; pauses.
#include <atomic>

#include "tests/integration/mqtt/fixture.h"
#include "tests/support/scripted_broker.h"

namespace sluice {
namespace {

using testing::ElementsAre;

class PahoOutage : public PahoVersions {};
INSTANTIATE_TEST_SUITE_P(Versions, PahoOutage, testing::Bool(), VersionName);

TEST_P(PahoOutage, WaitsForABrokerThatIsNotThereYet) {
  Mosquitto broker({.start = false});
  TestIntake intake(Options(broker), kSubscriptions);
  EXPECT_TRUE(intake.DetailHas("cannot connect to " + broker.uri()));
  EXPECT_FALSE(intake->State().ready);
  broker.Start();
  EXPECT_TRUE(intake.Ready());
}

TEST_P(PahoOutage, ComesBackAfterABrokersRestartWithItsSession) {
  Mosquitto broker({.persistence = true});
  TestIntake intake(Options(broker), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  broker.Stop();
  ASSERT_TRUE(Eventually([&] { return !intake->State().ready; }));
  broker.Start();
  ASSERT_TRUE(intake.Ready());
  ExpectFirst("after", intake, broker);
}

TEST_P(PahoOutage, SubscribesAgainWhenTheBrokerForgotTheSession) {
  Mosquitto broker;
  TestIntake intake(Options(broker), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  broker.Kill();
  ASSERT_TRUE(Eventually([&] { return !intake->State().ready; }));
  broker.Start();
  ASSERT_TRUE(intake.Ready());
  ExpectFirst("after", intake, broker);
}

TEST_P(PahoOutage, GetsWhatCameDuringAPause) {
  Mosquitto broker;
  TestIntake intake(Options(broker), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  intake->Pause("queue full");
  ASSERT_TRUE(intake.DetailHas("paused: queue full"));
  ASSERT_TRUE(Eventually([&] { return broker.Logged("Received DISCONNECT from sluice-0"); }));
  EXPECT_FALSE(intake->State().ready);
  MqttDevice device(broker.uri());
  for (int i = 0; i < 50; ++i) device.Publish("a", std::to_string(i));
  EXPECT_TRUE(intake.messages().values().empty());
  intake->Resume();
  std::vector<std::string> expected;
  for (int i = 0; i < 50; ++i) expected.push_back(std::to_string(i));
  EXPECT_EQ(Payloads(intake.messages().WaitFor(50)), expected);
  EXPECT_TRUE(intake.Ready());
}

TEST_P(PahoOutage, GetsWhatCameWhileNoProcessRan) {
  Mosquitto broker;
  {
    ASSERT_TRUE(TestIntake(Options(broker), kSubscriptions).Ready());
  }
  MqttDevice device(broker.uri());
  device.Publish("a", "meanwhile");
  TestIntake intake(Options(broker), kSubscriptions);
  EXPECT_THAT(Payloads(intake.messages().WaitFor(1)), ElementsAre("meanwhile"));
}

TEST_P(PahoOutage, HoldsAPauseOverABrokersRestart) {
  Mosquitto broker;
  TestIntake intake(Options(broker), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  intake->Pause("why not");
  intake->Pause("why not");
  ASSERT_TRUE(Eventually([&] { return broker.Logged("Received DISCONNECT from sluice-0"); }));
  broker.Stop();
  broker.Start();
  EXPECT_EQ(intake->State().detail, "paused: why not");
  intake->Resume();
  EXPECT_TRUE(intake.Ready());
}

TEST_P(PahoOutage, ACleanSessionForgetsWhatCameDuringAPause) {
  Mosquitto broker;
  MqttOptions options = Options(broker);
  options.clean_session = true;
  TestIntake intake(options, kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  intake->Pause("");
  ASSERT_TRUE(Eventually([&] { return broker.Logged("Received DISCONNECT from sluice-0"); }));
  MqttDevice device(broker.uri());
  device.Publish("a", "lost");
  intake->Resume();
  ASSERT_TRUE(intake.Ready());
  device.Publish("a", "heard");
  EXPECT_THAT(Payloads(intake.messages().WaitFor(1)), ElementsAre("heard"));
}

TEST_P(PahoOutage, StopsWhileTheBrokerIsGone) {
  Mosquitto broker;
  TestIntake intake(Options(broker), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  broker.Kill();
  SteadyTime before = Clock::Real().Now();
  intake->Stop(before + kTestDeadline);
  EXPECT_LT(Clock::Real().Now() - before, Millis{10'000});
  EXPECT_FALSE(intake->UnsubscribeShared(Clock::Real().Now() + kTestDeadline));
}

TEST_P(PahoOutage, SurvivesStartsPausesAndStopsInAnyOrder) {
  Mosquitto broker;
  for (int round = 0; round < 10; ++round) {
    TestIntake intake(Options(broker), kSubscriptions);
    if (round % 2 == 0) intake->Pause("round");
    if (round % 3 == 0) intake->Resume();
    if (round % 5 == 0) intake->UnsubscribeShared(Clock::Real().Now() + Millis{50});
  }
  TestIntake intake(Options(broker), kSubscriptions);
  EXPECT_TRUE(intake.Ready());
}

// mosquitto only closes the connection that was taken over; other brokers say why.
TEST(PahoOutageMqtt5, NamesATakeoverAndDoesNotFightOverTheSession) {
  ScriptedBroker broker([](uint8_t first, std::string_view body) -> std::optional<std::string> {
    if ((first & 0xF0) == 0x10) return ScriptedBroker::Connack(0);
    if ((first & 0xF0) == 0x80) return ScriptedBroker::Suback(body, 1) + ScriptedBroker::Disconnect(0x8E);
    return "";
  });
  MqttOptions options = OptionsFor(broker.uri());
  options.max_reconnect_interval = Millis{60'000};
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.DetailHas("0x8E session taken over: another client uses the same clientId"));
  EXPECT_FALSE(Eventually([&] { return broker.connections() > 1; }, Millis{1'500}));
}

TEST(PahoOutageMqtt5, BreaksOffAConnectionThatDoesNotAnswerToSubscribe) {
  std::atomic<int> connects{0};
  ScriptedBroker broker([&](uint8_t first, std::string_view body) -> std::optional<std::string> {
    if ((first & 0xF0) == 0x10) {
      ++connects;
      return ScriptedBroker::Connack(0);
    }
    if ((first & 0xF0) == 0x80 && connects > 1) return ScriptedBroker::Suback(body, 1);
    return "";
  });
  MqttOptions options = OptionsFor(broker.uri());
  options.connect_timeout = Millis{1'000};
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.Ready());
  EXPECT_EQ(connects, 2);
}

TEST(PahoOutageMqtt5, SendsNoSubscriptionIdentifierWhereTheBrokerTakesNone) {
  std::atomic<bool> with_identifier{false};
  ScriptedBroker broker([&](uint8_t first, std::string_view body) -> std::optional<std::string> {
    if ((first & 0xF0) == 0x10) return ScriptedBroker::Connack(0, std::string_view("\x29\0", 2));
    if ((first & 0xF0) == 0x80) {
      with_identifier = body.at(2) != 0;  // The length of the properties.
      return ScriptedBroker::Suback(body, 1);
    }
    return "";
  });
  TestIntake intake(OptionsFor(broker.uri()), kSubscriptions);
  EXPECT_TRUE(intake.Ready());
  EXPECT_FALSE(with_identifier);
}

TEST(PahoOutageMqtt5, SaysWhatABadPasswordIs) {
  ScriptedBroker broker([](uint8_t, std::string_view) { return ScriptedBroker::Connack(0x86); });
  TestIntake intake(OptionsFor(broker.uri()), kSubscriptions);
  EXPECT_TRUE(intake.DetailHas("refused by the broker: 0x86 bad user name or password: check username and password"));
}

TEST_P(PahoOutage, SubscribesAnewAfterTheBrokerDropsTheSessionWhilePaused) {
  Mosquitto broker;
  TestIntake intake(Options(broker), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  intake->Pause("");
  ASSERT_TRUE(Eventually([&] { return broker.Logged("Received DISCONNECT from sluice-0"); }));
  broker.Kill();
  broker.Start();
  intake->Resume();
  ASSERT_TRUE(intake.Ready());
  ExpectFirst("heard", intake, broker);
}

}  // namespace
}  // namespace sluice
