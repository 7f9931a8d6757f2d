// Shared subscriptions that are left for a time, with both drivers.
#include <algorithm>
#include <atomic>

#include "tests/integration/mqtt/fixture.h"
#include "tests/support/fake_broker.h"
#include "tests/support/tcp_proxy.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

const std::vector<Subscription> kShared = {{.filter = "$share/g/work", .qos = Qos::kAtLeastOnce, .id = 1}};

class ShareTest : public testing::TestWithParam<Dialect> {
 protected:
  MqttOptions Options(const std::string& client_id) {
    MqttOptions options = OptionsFor(broker_.uri(), GetParam());
    options.client_id = client_id;
    return options;
  }
  void WaitUntilLeft(const std::string& client_id) {
    ASSERT_TRUE(Eventually([&] { return broker_.Logged("Sending UNSUBACK to " + client_id); }));
  }
  std::vector<std::string> Publish(const std::string& prefix, int count) {
    MqttDevice device(broker_.uri());
    std::vector<std::string> payloads;
    for (int i = 0; i < count; ++i) {
      payloads.push_back(prefix + std::to_string(i));
      device.Publish("work", payloads.back());
    }
    return payloads;
  }
  static void ExpectToGetAll(TestIntake& intake, const std::vector<std::string>& payloads) {
    EXPECT_THAT(Payloads(intake.messages().WaitFor(payloads.size())), UnorderedElementsAreArray(payloads));
  }
  // Once it is a member again: some of what is published comes to it.
  void ExpectItsTurn(TestIntake& intake) {
    const size_t before = intake.messages().values().size();
    MqttDevice device(broker_.uri());
    EXPECT_TRUE(Eventually([&] {
      device.Publish("work", "whose turn is it?");
      return intake.messages().values().size() > before;
    }));
  }

  Mosquitto broker_;
};
INSTANTIATE_TEST_SUITE_P(Dialects, ShareTest, testing::ValuesIn(AllDialects()), DialectName);

TEST_P(ShareTest, TheOtherMemberGetsWhatOneStaysOutOf) {
  TestIntake one(Options("one"), kShared);
  TestIntake other(Options("other"), kShared);
  ASSERT_TRUE(one.Ready() && other.Ready());
  one->StayOut({0});
  WaitUntilLeft("one");
  EXPECT_TRUE(one->State().ready);
  EXPECT_EQ(one->State().detail, "left to others: '$share/g/work'");

  ExpectToGetAll(other, Publish("away ", 20));
  EXPECT_THAT(one.messages().values(), IsEmpty());

  one->StayOut({});
  EXPECT_TRUE(Eventually([&] { return one->State().ready && one->State().detail.empty(); }));
  ExpectItsTurn(one);
  ExpectItsTurn(other);
}

TEST_P(ShareTest, StaysOutOverALostConnection) {
  TcpProxy proxy(broker_.port());
  MqttOptions options = Options("one");
  options.uri = proxy.uri();
  TestIntake one(options, kShared);
  TestIntake other(Options("other"), kShared);
  ASSERT_TRUE(one.Ready() && other.Ready());
  one->StayOut({0});
  WaitUntilLeft("one");
  Counter& connects = one.metrics().GetCounter("sluice_mqtt_connects_total", "",
                                               {{"connection", "plant"}, {"role", "intake"}, {"result", "ok"}});
  proxy.Cut();
  ASSERT_TRUE(Eventually([&] { return connects.value() == 2 && one.Ready(); }));

  ExpectToGetAll(other, Publish("away ", 20));
  EXPECT_THAT(one.messages().values(), IsEmpty());
}

TEST_P(ShareTest, StaysOutFromTheStartOfWhatAnOlderProcessLeftInTheSession) {
  {
    TestIntake older(Options("one"), kShared);
    ASSERT_TRUE(older.Ready());
  }
  TestIntake other(Options("other"), kShared);
  ASSERT_TRUE(other.Ready());
  TestIntake one(Options("one"), kShared);
  one->StayOut({0});
  WaitUntilLeft("one");
  ASSERT_TRUE(one.Ready());

  ExpectToGetAll(other, Publish("away ", 20));
}

TEST_P(ShareTest, LeavesWhatAnEarlierConfigurationAskedFor) {
  {
    TestIntake older(Options("one"), kShared);
    ASSERT_TRUE(older.Ready());
  }
  TestIntake other(Options("other"), kShared);
  ASSERT_TRUE(other.Ready());
  TestIntake one(Options("one"), {{.filter = "own", .qos = Qos::kAtLeastOnce, .id = 2},
                                  {.filter = kShared[0].filter, .remainder = true}});
  ASSERT_TRUE(one.Ready());
  EXPECT_TRUE(broker_.Logged("Sending UNSUBACK to one"));

  ExpectToGetAll(other, Publish("away ", 20));
  EXPECT_THAT(one.messages().values(), IsEmpty());
}

TEST_P(ShareTest, IsDoneWithWhatTheSessionDoesNotHoldAnyMore) {
  TestIntake one(Options("one"), {{.filter = "own", .qos = Qos::kAtLeastOnce, .id = 2},
                                  {.filter = "never/asked/for", .remainder = true}});
  EXPECT_TRUE(one.Ready()) << one->State().detail;
}

TEST_P(ShareTest, KeepsItsPrivateSubscriptions) {
  TestIntake one(Options("one"), {kShared[0], {.filter = "own", .qos = Qos::kAtLeastOnce, .id = 2}});
  ASSERT_TRUE(one.Ready());
  one->StayOut({0, 1});
  WaitUntilLeft("one");
  MqttDevice device(broker_.uri());
  device.Publish("work", "lost on mosquitto, as no one is left in the share");
  device.Publish("own", "mine");
  EXPECT_THAT(Payloads(one.messages().WaitFor(1)), ElementsAre("mine"));
}

// What the options of the SUBSCRIBEs say of retained messages (MQTT 5.0 §3.8.3.1), bits 4 and 5.
using ShareMqtt5Test = ShareTest;
INSTANTIATE_TEST_SUITE_P(Dialects, ShareMqtt5Test, testing::ValuesIn(Mqtt5Dialects()), DialectName);

TEST_P(ShareMqtt5Test, AsksForNoRetainedMessagesWhenItComesBack) {
  FakeBroker broker;
  Recorder<int> retain_handling;
  broker.Play([&](FakeBroker::Peer&, const FakeBroker::Packet& packet) {
    if (packet.type() == mqtt_bytes::kSubscribe) retain_handling.Add(packet.body.back() >> 4);
    return false;
  });
  TestIntake intake(OptionsFor(broker.uri(), GetParam()), kShared);
  ASSERT_TRUE(intake.Ready());
  intake->StayOut({0});
  ASSERT_TRUE(intake.DetailHas("left to others"));
  intake->StayOut({});
  EXPECT_THAT(retain_handling.WaitFor(2), ElementsAre(1, 2));
}

// A pause withholds; only so can it be followed by leaving.
using ShareWireTest = ShareTest;
INSTANTIATE_TEST_SUITE_P(Dialects, ShareWireTest, testing::ValuesIn(WireDialects()), DialectName);

TEST_P(ShareWireTest, LeavesDuringAPauseWithItsWindowFull) {
  MqttOptions options = Options("one");
  options.receive_maximum = 10;
  TestIntake one(options, kShared);
  ASSERT_TRUE(one.Ready());
  one->Pause("queue full");
  const std::vector<std::string> mine = Publish("held ", 100);
  ASSERT_GE(one.messages().WaitFor(10).size(), 10u);
  one->StayOut({0});
  WaitUntilLeft("one");
  TestIntake other(Options("other"), kShared);
  ASSERT_TRUE(other.Ready());
  ExpectToGetAll(other, Publish("for another ", 20));

  // What the broker gave it before it left is still its own.
  one->Resume();
  ExpectToGetAll(one, mine);
}

// ---- sessions that no configuration uses any more

TEST_P(ShareWireTest, ASessionThatIsEndedHoldsNothing) {
  const std::vector<Subscription> own = {{.filter = "work", .qos = Qos::kAtLeastOnce, .id = 1}};
  {
    TestIntake older(Options("one"), own);
    ASSERT_TRUE(older.Ready());
  }
  std::atomic<bool> ended{false};
  const std::unique_ptr<SessionFarewell> end =
      MakeWireSessionFarewell(Options("one"), [&ended] { ended = true; }, Clock::Real());
  end->Start();
  ASSERT_TRUE(Eventually([&] { return ended.load(); }));
  ASSERT_TRUE(Eventually([&] { return broker_.Logged("Received DISCONNECT from one"); }));
  end->Stop(Clock::Real().Now() + kTestDeadline);

  Publish("for nobody ", 3);
  TestIntake one(Options("one"), own);
  ASSERT_TRUE(one.Ready());
  ExpectToGetAll(one, Publish("new ", 1));
}

}  // namespace
}  // namespace sluice
