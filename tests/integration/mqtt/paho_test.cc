// What only the paho driver does: it cannot withhold an acknowledgement, so it leaves, or ends the process.
#include <cstdlib>

#include "tests/integration/mqtt/fixture.h"
#include "tests/support/fake_broker.h"

namespace sluice {
namespace {

using testing::ElementsAre;

const std::vector<Subscription> kSubscriptions = {{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1}};

class PahoTest : public testing::TestWithParam<Dialect> {
 protected:
  MqttOptions Options() { return OptionsFor(broker_.uri(), GetParam()); }
  bool HasDisconnected() {
    return Eventually([this] { return broker_.Logged("Received DISCONNECT from sluice-0"); });
  }
  Mosquitto broker_;
};
INSTANTIATE_TEST_SUITE_P(Dialects, PahoTest, testing::ValuesIn(PahoDialects()), DialectName);

TEST_P(PahoTest, GetsWhatCameDuringAPause) {
  TestIntake intake(Options(), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  intake->Pause("queue full");
  ASSERT_TRUE(intake.DetailHas("paused: queue full"));
  ASSERT_TRUE(HasDisconnected());
  EXPECT_FALSE(intake->State().ready);
  MqttDevice device(broker_.uri());
  for (int i = 0; i < 50; ++i) device.Publish("a", std::to_string(i));
  EXPECT_TRUE(intake.messages().values().empty());
  intake->Resume();
  std::vector<std::string> expected;
  for (int i = 0; i < 50; ++i) expected.push_back(std::to_string(i));
  EXPECT_EQ(Payloads(intake.messages().WaitFor(50)), expected);
  EXPECT_TRUE(intake.Ready());
}

TEST_P(PahoTest, HoldsAPauseOverABrokersRestart) {
  TestIntake intake(Options(), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  intake->Pause("why not");
  intake->Pause("why not");
  ASSERT_TRUE(HasDisconnected());
  broker_.Stop();
  broker_.Start();
  EXPECT_EQ(intake->State().detail, "paused: why not");
  intake->Resume();
  EXPECT_TRUE(intake.Ready());
}

TEST_P(PahoTest, ACleanSessionForgetsWhatCameDuringAPause) {
  MqttOptions options = Options();
  options.clean_session = true;
  TestIntake intake(options, kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  intake->Pause("");
  ASSERT_TRUE(HasDisconnected());
  MqttDevice device(broker_.uri());
  device.Publish("a", "lost");
  intake->Resume();
  ASSERT_TRUE(intake.Ready());
  device.Publish("a", "heard");
  EXPECT_THAT(Payloads(intake.messages().WaitFor(1)), ElementsAre("heard"));
}

TEST_P(PahoTest, SubscribesAnewAfterTheBrokerDropsTheSessionWhilePaused) {
  TestIntake intake(Options(), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  intake->Pause("");
  ASSERT_TRUE(HasDisconnected());
  broker_.Kill();
  broker_.Start();
  intake->Resume();
  ASSERT_TRUE(intake.Ready());
  MqttDevice device(broker_.uri());
  device.Publish("a", "heard");
  EXPECT_THAT(Payloads(intake.messages().WaitFor(1)), ElementsAre("heard"));
}

// A sink that cannot take a message, as when the journal's disk is full.
class RefusingSink final : public InboundSink {
 public:
  absl::Status OnMessages(std::span<InboundMessage> /*batch*/) override {
    return absl::ResourceExhaustedError("disk full");
  }
};

// The death test runs this test's body again in a process of its own, up to EXPECT_EXIT; it is told of the first
// process's broker, which outlives it.
// A message that Paho cannot read ends every connection, and Paho does not say so.
TEST_P(PahoTest, NamesTheRemedyWhenEachConnectionIsLostSoon) {
  FakeBroker broker(GetParam().mqtt5);
  broker.Play([](FakeBroker::Peer& peer, const FakeBroker::Packet& packet) {
    if (packet.type() != mqtt_bytes::kSubscribe) return false;
    peer.Close();
    return true;
  });
  MqttOptions options = OptionsFor(broker.uri(), GetParam());
  options.max_reconnect_interval = Millis{300};
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.DetailHas("perhaps over a message that Eclipse Paho cannot read; 'driver: wire' passes"));
}

TEST_P(PahoTest, EndsTheProcessRatherThanAcknowledgeWhatWasNotTaken) {
  constexpr const char* kBroker = "SLUICE_TEST_BROKER";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  setenv(kBroker, broker_.uri().c_str(), /*overwrite=*/0);
  MqttOptions options = Options();
  options.uri = getenv(kBroker);
  EXPECT_EXIT(
      {
        RefusingSink sink;
        MetricsRegistry metrics;
        auto intake = MakePahoIntake(options, kSubscriptions, sink, Clock::Real(), metrics);
        intake->Start();
        Eventually([&] { return intake->State().ready; });
        MqttDevice device(options.uri);
        device.Publish("a", "not taken");
        Eventually([] { return false; });
      },
      testing::ExitedWithCode(kExitNotTaken), "disk full");
  unsetenv(kBroker);
  TestIntake next(options, kSubscriptions);
  EXPECT_THAT(Payloads(next.messages().WaitFor(1)), ElementsAre("not taken"));
}

}  // namespace
}  // namespace sluice
