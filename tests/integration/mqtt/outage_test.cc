// Both drivers' intake over outages: brokers that are not there, come back, forget; sessions taken over.
#include <atomic>

#include "tests/integration/mqtt/fixture.h"
#include "tests/support/fake_broker.h"

namespace sluice {
namespace {

using testing::ElementsAre;

const std::vector<Subscription> kSubscriptions = {{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1}};

class OutageTest : public testing::TestWithParam<Dialect> {
 protected:
  MqttOptions Options(const Mosquitto& broker) { return OptionsFor(broker.uri(), GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Dialects, OutageTest, testing::ValuesIn(AllDialects()), DialectName);

TEST_P(OutageTest, WaitsForABrokerThatIsNotThereYet) {
  Mosquitto broker({.start = false});
  TestIntake intake(Options(broker), kSubscriptions);
  EXPECT_TRUE(intake.DetailHas(GetParam().driver == MqttDriver::kWire ? "nothing listens there"
                                                                      : "cannot connect to " + broker.uri()));
  EXPECT_FALSE(intake->State().ready);
  broker.Start();
  EXPECT_TRUE(intake.Ready());
}

TEST_P(OutageTest, ComesBackAfterABrokersRestartWithItsSession) {
  Mosquitto broker({.persistence = true});
  TestIntake intake(Options(broker), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  broker.Stop();
  ASSERT_TRUE(Eventually([&] { return !intake->State().ready; }));
  broker.Start();
  ASSERT_TRUE(intake.Ready());
  ExpectToHear(intake, broker, "after");
}

TEST_P(OutageTest, SubscribesAgainWhenTheBrokerForgotTheSession) {
  Mosquitto broker;
  TestIntake intake(Options(broker), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  broker.Kill();
  ASSERT_TRUE(Eventually([&] { return !intake->State().ready; }));
  broker.Start();
  ASSERT_TRUE(intake.Ready());
  ExpectToHear(intake, broker, "after");
}

TEST_P(OutageTest, GetsWhatCameWhileNoProcessRan) {
  Mosquitto broker;
  {
    ASSERT_TRUE(TestIntake(Options(broker), kSubscriptions).Ready());
  }
  MqttDevice device(broker.uri());
  device.Publish("a", "meanwhile");
  TestIntake intake(Options(broker), kSubscriptions);
  EXPECT_THAT(Payloads(intake.messages().WaitFor(1)), ElementsAre("meanwhile"));
}

TEST_P(OutageTest, StopsWhileTheBrokerIsGone) {
  Mosquitto broker;
  TestIntake intake(Options(broker), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  broker.Kill();
  SteadyTime before = Clock::Real().Now();
  intake->Stop(before + kTestDeadline);
  EXPECT_LT(Clock::Real().Now() - before, Millis{10'000});
  EXPECT_FALSE(intake->UnsubscribeShared(Clock::Real().Now() + kTestDeadline));
}

TEST_P(OutageTest, SurvivesStartsPausesAndStopsInAnyOrder) {
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

class OutageMqtt5Test : public testing::TestWithParam<Dialect> {
 protected:
  MqttOptions Options(const FakeBroker& broker) { return OptionsFor(broker.uri(), GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Dialects, OutageMqtt5Test, testing::ValuesIn(Mqtt5Dialects()), DialectName);

// mosquitto only closes the connection that was taken over; other brokers say why.
TEST_P(OutageMqtt5Test, NamesATakeoverAndDoesNotFightOverTheSession) {
  FakeBroker broker;
  broker.Play([&](FakeBroker::Peer& peer, const FakeBroker::Packet& packet) {
    if (packet.type() != mqtt_bytes::kSubscribe) return false;
    return peer.Send(broker.Suback(packet.body, "\1") + FakeBroker::Disconnect(0x8E));
  });
  MqttOptions options = Options(broker);
  options.max_reconnect_interval = Millis{60'000};
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.DetailHas("0x8E session taken over: another client uses the same clientId"));
  EXPECT_FALSE(Eventually([&] { return broker.connections() > 1; }, Millis{1'500}));
}

TEST_P(OutageMqtt5Test, BreaksOffAConnectionThatDoesNotAnswerToSubscribe) {
  FakeBroker broker;
  broker.Play([](FakeBroker::Peer& peer, const FakeBroker::Packet& packet) {
    return packet.type() == mqtt_bytes::kSubscribe && peer.number() == 1;
  });
  MqttOptions options = Options(broker);
  options.connect_timeout = Millis{1'000};
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.Ready());
  EXPECT_EQ(broker.connections(), 2);
}

TEST_P(OutageMqtt5Test, SendsNoSubscriptionIdentifierWhereTheBrokerTakesNone) {
  FakeBroker broker;
  broker.Announce({'\x29', '\0'});
  std::atomic<bool> with_identifier{false};
  broker.Play([&](FakeBroker::Peer&, const FakeBroker::Packet& packet) {
    if (packet.type() == mqtt_bytes::kSubscribe) with_identifier = packet.body.at(2) != 0;  // Length of the properties.
    return false;
  });
  TestIntake intake(Options(broker), kSubscriptions);
  EXPECT_TRUE(intake.Ready());
  EXPECT_FALSE(with_identifier);
}

TEST_P(OutageMqtt5Test, SaysWhatABadPasswordIs) {
  FakeBroker broker;
  broker.Play([&](FakeBroker::Peer& peer, const FakeBroker::Packet&) { return peer.Send(broker.Connack(0x86)); });
  TestIntake intake(Options(broker), kSubscriptions);
  EXPECT_TRUE(intake.DetailHas("refused by the broker: 0x86 bad user name or password: check username and password"));
}

}  // namespace
}  // namespace sluice
