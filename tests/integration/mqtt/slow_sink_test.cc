// A wire intake whose sink waits for a disk: acknowledgements wait with it, and nothing else of the connection does.
#include "tests/support/slow_sink.h"

#include <thread>

#include "tests/integration/mqtt/fixture.h"
#include "tests/support/fake_broker.h"
#include "tests/support/tcp_proxy.h"

namespace sluice {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::string> Numbers(int begin, int end) {
  std::vector<std::string> numbers;
  for (int i = begin; i < end; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

size_t CountOf(const std::string& text, const std::string& log) {
  size_t count = 0;
  for (size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++count;
  return count;
}

class SlowSinkTest : public testing::TestWithParam<Dialect> {
 protected:
  MqttOptions Options() {
    MqttOptions options = OptionsFor(broker_.uri(), GetParam());
    options.receive_maximum = 10;
    options.keep_alive_s = 1;
    return options;
  }
  void Start(MqttOptions options, Qos qos = Qos::kExactlyOnce) {
    subscriptions_[0].qos = qos;
    intake_ = MakeWireIntake(std::move(options), subscriptions_, sink_, Clock::Real(), metrics_);
    intake_->Start();
    ASSERT_TRUE(Ready());
  }
  bool Ready() {
    return Eventually([this] { return intake_->State().ready; });
  }
  void Stop() { intake_->Stop(Clock::Real().Now() + kTestDeadline); }
  uint64_t Connects() {
    return metrics_
        .GetCounter("sluice_mqtt_connects_total", "", {{"connection", "plant"}, {"role", "intake"}, {"result", "ok"}})
        .value();
  }
  // The broker has had so many more of them.
  bool BrokerHears(const std::string& text, size_t more) {
    const size_t before = CountOf(text, broker_.log());
    return Eventually([&] { return CountOf(text, broker_.log()) >= before + more; });
  }
  bool BrokerHas(const std::string& text, size_t count) {
    return Eventually([&] { return CountOf(text, broker_.log()) >= count; });
  }
  std::vector<std::string> Taken() { return Payloads(sink_.messages.values()); }

  Mosquitto broker_{{.config = "max_inflight_messages 10\n"}};
  MqttDevice device_{broker_.uri()};
  std::vector<Subscription> subscriptions_ = {{.filter = "a", .qos = Qos::kExactlyOnce, .id = 1}};
  MetricsRegistry metrics_;
  SlowSink sink_;
  std::unique_ptr<IntakeConnection> intake_;
};
INSTANTIATE_TEST_SUITE_P(Dialects, SlowSinkTest, testing::ValuesIn(WireDialects()), DialectName);

TEST_P(SlowSinkTest, AcknowledgementsWaitAndNothingElseDoes) {
  Start(Options(), Qos::kAtLeastOnce);
  sink_.Stall();
  for (const std::string& number : Numbers(0, 10)) device_.Publish("a", number, Qos::kAtLeastOnce);
  ASSERT_TRUE(sink_.AwaitWaiting());
  const std::vector<std::string> unanswered = Numbers(100, 110);
  for (const std::string& number : unanswered) device_.Publish("a", number, Qos::kAtMostOnce);
  EXPECT_EQ(Payloads(sink_.at_most_once.WaitFor(10)), unanswered);
  // Pings go out and are answered, and what is subscribed to changes.
  EXPECT_TRUE(BrokerHears("Received PINGREQ from sluice-0", 4));
  std::vector<Subscription> more = subscriptions_;
  more.push_back({.filter = "b", .qos = Qos::kAtLeastOnce, .id = 2});
  if (GetParam().mqtt5) {
    intake_->Resubscribe(more);
    EXPECT_TRUE(Ready());
    device_.Publish("b", "of b", Qos::kAtMostOnce);
    EXPECT_EQ(Payloads(sink_.at_most_once.WaitFor(11)).back(), "of b");
  }
  EXPECT_EQ(CountOf("Received PUBACK from sluice-0", broker_.log()), 0u);
  EXPECT_THAT(Taken(), IsEmpty());

  sink_.GoOn();
  EXPECT_EQ(Payloads(sink_.messages.WaitFor(10)), Numbers(0, 10));
  EXPECT_TRUE(BrokerHas("Received PUBACK from sluice-0", 10));
  EXPECT_EQ(Connects(), 1u);
  Stop();
}

TEST_P(SlowSinkTest, QosTwoIsRecordedBeforePubrecAndReleasedBeforePubcomp) {
  Start(Options());
  sink_.Stall();
  device_.Publish("a", "1", Qos::kExactlyOnce);
  ASSERT_TRUE(sink_.AwaitWaiting());
  EXPECT_TRUE(BrokerHears("Received PINGREQ from sluice-0", 2));
  EXPECT_EQ(CountOf("Received PUBREC from sluice-0", broker_.log()), 0u);
  sink_.GoOn();
  EXPECT_THAT(Payloads(sink_.messages.WaitFor(1)), ElementsAre("1"));
  EXPECT_TRUE(BrokerHas("Received PUBCOMP from sluice-0", 1));
  EXPECT_THAT(sink_.released.values(), SizeIs(1));
  Stop();
}

TEST_P(SlowSinkTest, WhatIsUnderWayWhenTheConnectionBreaksIsTakenOnceWithQosTwo) {
  TcpProxy proxy(broker_.port());
  MqttOptions options = Options();
  options.uri = proxy.uri();
  Start(options);
  sink_.Stall();
  device_.Publish("a", "1", Qos::kExactlyOnce);
  ASSERT_TRUE(sink_.AwaitWaiting());
  for (const char* later : {"2", "3"}) device_.Publish("a", later, Qos::kExactlyOnce);
  // Behind those, so that they have come.
  device_.Publish("a", "q0", Qos::kAtMostOnce);
  ASSERT_THAT(sink_.at_most_once.WaitFor(1), SizeIs(1));
  proxy.Cut();
  ASSERT_TRUE(Eventually([&] { return Connects() == 2; }));
  // The broker sends them again; of the first nobody knows yet what becomes of it.
  device_.Publish("a", "q0", Qos::kAtMostOnce);
  ASSERT_THAT(sink_.at_most_once.WaitFor(2), SizeIs(2));
  EXPECT_EQ(CountOf("Received PUBREC from sluice-0", broker_.log()), 0u);
  sink_.GoOn();
  EXPECT_TRUE(BrokerHas("Received PUBCOMP from sluice-0", 3));
  EXPECT_THAT(Taken(), ElementsAre("1", "2", "3"));
  Stop();
}

TEST_P(SlowSinkTest, WhatWasNotTakenWhenTheConnectionBrokeComesAgain) {
  TcpProxy proxy(broker_.port());
  MqttOptions options = Options();
  options.uri = proxy.uri();
  Start(options);
  sink_.Stall();
  device_.Publish("a", "1", Qos::kExactlyOnce);
  ASSERT_TRUE(sink_.AwaitWaiting());
  proxy.Cut();
  ASSERT_TRUE(Eventually([&] { return Connects() == 2; }));
  device_.Publish("a", "q0", Qos::kAtMostOnce);
  ASSERT_THAT(sink_.at_most_once.WaitFor(1), SizeIs(1));
  sink_.Fail(true);
  sink_.GoOn();
  ASSERT_TRUE(Eventually([&] { return Connects() == 3; })) << "what came as a duplicate has been passed over";
  sink_.Fail(false);
  EXPECT_TRUE(BrokerHas("Received PUBCOMP from sluice-0", 1));
  EXPECT_THAT(Taken(), ElementsAre("1"));
  Stop();
}

TEST_P(SlowSinkTest, AnAcknowledgementOfAnEarlierConnectionIsNotSentOnTheNext) {
  TcpProxy proxy(broker_.port());
  MqttOptions options = Options();
  options.uri = proxy.uri();
  Start(options, Qos::kAtLeastOnce);
  sink_.Stall();
  device_.Publish("a", "1", Qos::kAtLeastOnce);
  ASSERT_TRUE(sink_.AwaitWaiting());
  proxy.Cut();
  ASSERT_TRUE(Eventually([&] { return Connects() == 2; }));
  device_.Publish("a", "q0", Qos::kAtMostOnce);
  ASSERT_THAT(sink_.at_most_once.WaitFor(1), SizeIs(1));
  sink_.GoOn();
  EXPECT_THAT(Payloads(sink_.messages.WaitFor(2)), ElementsAre("1", "1"));
  EXPECT_TRUE(BrokerHas("Received PUBACK from sluice-0", 1));
  Stop();
  EXPECT_EQ(CountOf("Received PUBACK from sluice-0", broker_.log()), 1u);
}

TEST_P(SlowSinkTest, ARefusalHoldsAcknowledgementsBackUntilAllIsTaken) {
  Start(Options());
  sink_.Fail(true);
  for (const std::string& number : Numbers(0, 30)) device_.Publish("a", number, Qos::kExactlyOnce);
  EXPECT_TRUE(Eventually([&] { return intake_->State().detail == "messages cannot be taken in: disk full"; }));
  EXPECT_TRUE(BrokerHears("Received PINGREQ from sluice-0", 2));
  sink_.Fail(false);
  EXPECT_EQ(Payloads(sink_.messages.WaitFor(30)), Numbers(0, 30));
  EXPECT_TRUE(BrokerHas("Received PUBCOMP from sluice-0", 30));
  EXPECT_EQ(Taken(), Numbers(0, 30));
  EXPECT_EQ(Connects(), 1u);
  EXPECT_TRUE(Ready());
  Stop();
}

// It would come again with each connection, and with it all that came before.
TEST_P(SlowSinkTest, WhatCameBeforeAnErrorIsAcknowledgedBeforeTheConnectionEnds) {
  FakeBroker broker(GetParam().mqtt5);
  Recorder<int> types;
  const auto note = [&types](FakeBroker::Peer&, const FakeBroker::Packet& packet) {
    types.Add(packet.type());
    return false;
  };
  broker.Play(note);
  MqttOptions options = Options();
  options.uri = broker.uri();
  options.keep_alive_s = 60;
  Start(options, Qos::kAtLeastOnce);
  sink_.Stall();
  const std::string publish = std::string("\0\1a\0\7", 5) + (GetParam().mqtt5 ? std::string(1, '\0') : "") + "x";
  // CONNACK, a second time.
  ASSERT_TRUE(broker.SendToSubscriber(mqtt_bytes::MakePacket(0x32, publish) +
                                      mqtt_bytes::MakePacket(0x20, std::string(GetParam().mqtt5 ? 3 : 2, '\0'))));
  ASSERT_TRUE(sink_.AwaitWaiting());
  EXPECT_EQ(Connects(), 1u);
  sink_.GoOn();
  ASSERT_TRUE(Eventually([&] { return Connects() == 2; }));
  EXPECT_THAT(types.values(), Contains(static_cast<int>(mqtt_bytes::kPuback)));
  EXPECT_THAT(Taken(), ElementsAre("x"));
  Stop();
}

TEST_P(SlowSinkTest, StopAcknowledgesWhatIsUnderWay) {
  Start(Options(), Qos::kAtLeastOnce);
  sink_.Stall();
  device_.Publish("a", "1", Qos::kAtLeastOnce);
  ASSERT_TRUE(sink_.AwaitWaiting());
  std::thread stopping([this] { Stop(); });
  EXPECT_TRUE(BrokerHears("Received PINGREQ from sluice-0", 1));
  sink_.GoOn();
  stopping.join();
  EXPECT_THAT(Taken(), ElementsAre("1"));
  EXPECT_EQ(CountOf("Received PUBACK from sluice-0", broker_.log()), 1u);
}

TEST_P(SlowSinkTest, StopDisconnectsInTimeAndThenWaitsForTheDisk) {
  Start(Options(), Qos::kAtLeastOnce);
  sink_.Stall();
  for (const char* payload : {"1", "2"}) {
    device_.Publish("a", payload, Qos::kAtLeastOnce);
    ASSERT_TRUE(sink_.AwaitWaiting());
  }
  std::thread stopping([this] { intake_->Stop(Clock::Real().Now() + Millis{200}); });
  EXPECT_TRUE(BrokerHas("Received DISCONNECT from sluice-0", 1));
  sink_.GoOn();
  stopping.join();
  EXPECT_THAT(Taken(), Contains("1"));
  EXPECT_EQ(CountOf("Received PUBACK from sluice-0", broker_.log()), 0u);
}

TEST_P(SlowSinkTest, ASessionThatIsLostIsToldBeforeAnythingIsAskedForInIt) {
  sink_.Stall();
  intake_ = MakeWireIntake(Options(), subscriptions_, sink_, Clock::Real(), metrics_);
  intake_->Start();
  ASSERT_TRUE(sink_.AwaitWaiting());
  EXPECT_TRUE(BrokerHears("Received PINGREQ from sluice-0", 1));
  EXPECT_EQ(CountOf("Received SUBSCRIBE from sluice-0", broker_.log()), 0u);
  sink_.GoOn();
  EXPECT_TRUE(Ready());
  EXPECT_THAT(sink_.told.WaitFor(2), ElementsAre("session lost", "granted a"));
  Stop();
}

TEST_P(SlowSinkTest, AConnectionIsNotReadyBeforeItHasSubscribedInASessionThatIsNew) {
  Start(Options());
  sink_.Stall();
  broker_.Kill();
  broker_.Start();
  ASSERT_TRUE(sink_.AwaitWaiting());
  EXPECT_TRUE(Eventually([&] { return Connects() == 2; }));
  EXPECT_FALSE(intake_->State().ready) << "what its last connection had is over";
  sink_.GoOn();
  EXPECT_TRUE(Ready());
  EXPECT_THAT(sink_.told.WaitFor(4), ElementsAre("session lost", "granted a", "session lost", "granted a"));
  Stop();
}

TEST_P(SlowSinkTest, RepliesOfASharedConnectionGoOn) {
  RecordingListener listener;
  SharedConnection both = MakeWireShared(Options(), listener, Clock::Real(), metrics_);
  intake_ = both.intake(subscriptions_, sink_);
  both.publisher->Start();
  intake_->Start();
  ASSERT_TRUE(Ready());
  sink_.Stall();
  device_.Publish("a", "1", Qos::kExactlyOnce);
  ASSERT_TRUE(sink_.AwaitWaiting());
  uint64_t token = 0;
  for (const Qos qos : {Qos::kAtMostOnce, Qos::kAtLeastOnce, Qos::kExactlyOnce}) {
    auto message = std::make_shared<OutboundMessage>();
    message->topic = "r";
    message->qos = qos;
    std::vector<Outgoing> batch;
    batch.push_back(Outgoing{.token = ++token, .message = std::move(message)});
    both.publisher->Publish(std::move(batch));
    EXPECT_EQ(listener.OutcomeOf(token).code, PublishOutcome::Code::kOk);
  }
  EXPECT_TRUE(BrokerHears("Received PINGREQ from sluice-0", 2));
  EXPECT_THAT(Taken(), IsEmpty());
  sink_.GoOn();
  EXPECT_TRUE(BrokerHas("Received PUBCOMP from sluice-0", 1));
  EXPECT_THAT(Taken(), ElementsAre("1"));
  Stop();
  both.publisher->Stop(Clock::Real().Now() + kTestDeadline);
}

}  // namespace
}  // namespace sluice
