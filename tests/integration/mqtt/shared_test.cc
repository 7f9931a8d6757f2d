// Intake and replies on one MQTT connection: neither holds the other up, and nothing is lost by it.
#include <atomic>
#include <optional>

#include "tests/integration/mqtt/fixture.h"
#include "tests/support/fake_broker.h"

namespace sluice {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::SizeIs;

const std::vector<Subscription> kSubscriptions = {{.filter = "a", .qos = Qos::kExactlyOnce, .id = 1}};

std::vector<std::string> Numbers(int begin, int end) {
  std::vector<std::string> numbers;
  for (int i = begin; i < end; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

// Takes in nothing while it is told not to.
class FickleSink final : public InboundSink {
 public:
  absl::Status OnMessages(std::span<InboundMessage> batch) override {
    if (!willing) {
      ++refused;
      return absl::ResourceExhaustedError("disk full");
    }
    for (InboundMessage& inbound : batch) messages.Add(std::move(inbound));
    return absl::OkStatus();
  }

  std::atomic<bool> willing{true};
  std::atomic<int> refused{0};
  Recorder<InboundMessage> messages;
};

// Both ends of a shared connection, stopped at the end of the scope in a gateway's order.
class Shared {
 public:
  explicit Shared(const MqttOptions& options)
      : both_(MakeWireShared(options, listener_, Clock::Real(), metrics_)),
        intake_(both_.intake(kSubscriptions, sink)) {}
  ~Shared() { Stop(); }

  void Start() {
    both_.publisher->Start();
    intake_->Start();
  }
  void Stop() {
    intake_->Stop(Clock::Real().Now() + kTestDeadline);
    both_.publisher->Stop(Clock::Real().Now() + kTestDeadline);
  }
  bool Ready() {
    return Eventually([this] { return intake_->State().ready && both_.publisher->State().ready; });
  }
  IntakeConnection& intake() { return *intake_; }
  Publisher& publisher() { return *both_.publisher; }

  PublishOutcome::Code Publish(const std::string& topic, const std::string& payload, Qos qos = Qos::kAtLeastOnce) {
    auto message = std::make_shared<OutboundMessage>();
    message->topic = topic;
    message->payload = payload;
    message->qos = qos;
    std::vector<Outgoing> batch;
    batch.push_back(Outgoing{.token = ++token_, .message = std::move(message)});
    both_.publisher->Publish(std::move(batch));
    return listener_.OutcomeOf(token_).code;
  }
  uint64_t Connects() {
    return metrics_
        .GetCounter("sluice_mqtt_connects_total", "", {{"connection", "plant"}, {"role", "shared"}, {"result", "ok"}})
        .value();
  }

  FickleSink sink;

 private:
  MetricsRegistry metrics_;
  RecordingListener listener_;
  SharedConnection both_;
  std::unique_ptr<IntakeConnection> intake_;
  uint64_t token_ = 0;
};

class SharedTest : public testing::TestWithParam<Dialect> {
 protected:
  static constexpr uint16_t kWindow = 10;

  MqttOptions Options() {
    MqttOptions options = OptionsFor(broker_.uri(), GetParam());
    options.share_connection = true;
    options.receive_maximum = kWindow;
    return options;
  }
  // What a device publishes, and its number of messages is more than intake takes while it rests.
  void PublishMany(int begin, int end) {
    MqttDevice device(broker_.uri());
    for (const std::string& number : Numbers(begin, end)) device.Publish("a", number);
  }

  // With MQTT 3.1.1 it sends without a bound.
  Mosquitto broker_{{.config = "max_inflight_messages 0\nmax_queued_messages 0\n"}};
};
INSTANTIATE_TEST_SUITE_P(Dialects, SharedTest, testing::ValuesIn(WireDialects()), DialectName);

TEST_P(SharedTest, IsOneConnectionUnderOneClientId) {
  FakeBroker broker(GetParam().mqtt5);
  MqttOptions options = OptionsFor(broker.uri(), GetParam());
  options.share_connection = true;
  Shared shared(options);
  shared.Start();
  ASSERT_TRUE(shared.Ready());
  ASSERT_TRUE(broker.Deliver("a", "in"));
  EXPECT_THAT(Payloads(shared.sink.messages.WaitFor(1)), ElementsAre("in"));
  for (const Qos qos : {Qos::kAtMostOnce, Qos::kAtLeastOnce, Qos::kExactlyOnce}) {
    EXPECT_EQ(shared.Publish("r", "out", qos), PublishOutcome::Code::kOk);
  }
  EXPECT_THAT(broker.published().WaitFor(3), SizeIs(3));
  EXPECT_EQ(broker.connections(), 1);
}

TEST_P(SharedTest, NothingIsConnectedBeforeBothAreStarted) {
  Shared shared(Options());
  shared.publisher().Start();
  EXPECT_EQ(shared.publisher().State().detail, "not started");
  shared.intake().Start();
  EXPECT_TRUE(shared.Ready());
}

TEST_P(SharedTest, RepliesGoOnWhileIntakeRestsAndNothingIsLost) {
  Shared shared(Options());
  shared.Start();
  ASSERT_TRUE(shared.Ready());
  shared.intake().Pause("queue full");
  PublishMany(0, 200);
  EXPECT_EQ(shared.Publish("r", "out"), PublishOutcome::Code::kOk);
  EXPECT_EQ(shared.Publish("r", "out", Qos::kExactlyOnce), PublishOutcome::Code::kOk);
  EXPECT_EQ(shared.intake().State().detail, "paused: queue full");
  // MQTT 5 has a window that the broker holds to. Without, what comes past two of ours is passed over.
  if (!GetParam().mqtt5) shared.sink.messages.WaitFor(2 * kWindow + 1);
  shared.intake().Resume();
  const std::vector<InboundMessage> all =
      shared.sink.messages.WaitUntil([](const std::vector<InboundMessage>& messages) {
        return !messages.empty() && messages.back().message->payload == "199";
      });
  EXPECT_THAT(Payloads(all), IsSupersetOf(Numbers(0, 200)));
  EXPECT_EQ(shared.Publish("r", "out"), PublishOutcome::Code::kOk);
  EXPECT_EQ(shared.Connects(), GetParam().mqtt5 ? 1u : 2u);
}

TEST_P(SharedTest, RepliesGoOnWhileNothingCanBeTakenIn) {
  Shared shared(Options());
  shared.Start();
  ASSERT_TRUE(shared.Ready());
  shared.sink.willing = false;
  PublishMany(0, 50);
  ASSERT_TRUE(Eventually([&] { return shared.sink.refused > 0; }));
  EXPECT_EQ(shared.Publish("r", "out"), PublishOutcome::Code::kOk);
  EXPECT_EQ(shared.intake().State().detail, "messages cannot be taken in: disk full");
  shared.sink.willing = true;
  const std::vector<InboundMessage> all =
      shared.sink.messages.WaitUntil([](const std::vector<InboundMessage>& messages) {
        return !messages.empty() && messages.back().message->payload == "49";
      });
  EXPECT_THAT(Payloads(all), IsSupersetOf(Numbers(0, 50)));
  EXPECT_TRUE(shared.Ready());
}

TEST_P(SharedTest, RepliesGoOnAfterIntakeHasStopped) {
  std::optional<Shared> shared(std::in_place, Options());
  shared->Start();
  ASSERT_TRUE(shared->Ready());
  shared->intake().Stop(Clock::Real().Now() + kTestDeadline);
  PublishMany(0, 30);
  EXPECT_EQ(shared->Publish("r", "out"), PublishOutcome::Code::kOk);
  EXPECT_EQ(shared->Connects(), 1u);
  EXPECT_THAT(shared->sink.messages.values(), SizeIs(0));
  shared.reset();

  Shared next(Options());
  next.Start();
  EXPECT_THAT(Payloads(next.sink.messages.WaitFor(30)), IsSupersetOf(Numbers(0, 30)))
      << "the broker's session still holds them";
}

TEST_P(SharedTest, AStoppedIntakeStaysStoppedOverAReconnect) {
  Shared shared(Options());
  shared.Start();
  ASSERT_TRUE(shared.Ready());
  shared.intake().Stop(Clock::Real().Now() + kTestDeadline);
  broker_.Kill();
  broker_.Start();
  ASSERT_TRUE(Eventually([&] { return shared.Connects() == 2; }));
  PublishMany(0, 3);
  EXPECT_EQ(shared.Publish("r", "out"), PublishOutcome::Code::kOk);
  EXPECT_THAT(shared.sink.messages.values(), SizeIs(0));
  EXPECT_EQ(shared.intake().State().detail, "stopped");
}

TEST_P(SharedTest, ARestartPublishesAtQos2WhateverItsSessionHolds) {
  // An earlier process has published each identifier, and died before it released any of them.
  FakeBroker broker(GetParam().mqtt5);
  MqttOptions options = OptionsFor(broker.uri(), GetParam());
  options.share_connection = true;
  {
    Shared first(options);
    first.Start();
    ASSERT_TRUE(first.Ready());
  }
  std::atomic<int> releases{0};
  broker.Play([&](FakeBroker::Peer&, const FakeBroker::Packet& packet) {
    if (packet.type() == mqtt_bytes::kPubrel) ++releases;
    return false;
  });
  Shared second(options);
  second.Start();
  ASSERT_TRUE(second.Ready());
  EXPECT_EQ(second.Publish("r", "out", Qos::kExactlyOnce), PublishOutcome::Code::kOk);
  EXPECT_EQ(releases, 2) << "one for what may be there, one for the message";
}

// ------------------------------------------------------------------------------------------------ status

class StatusTest : public testing::TestWithParam<Dialect> {
 protected:
  MqttOptions Options(Qos qos = Qos::kAtLeastOnce) {
    MqttOptions options = OptionsFor(broker_.uri(), GetParam());
    options.status = MqttStatus{.topic = "status", .online = "here", .offline = "gone", .qos = qos};
    return options;
  }
  static std::vector<std::string> Heard(const MqttDevice& device, size_t count) {
    return Payloads(device.received().WaitFor(count));
  }

  Mosquitto broker_;
};
INSTANTIATE_TEST_SUITE_P(Dialects, StatusTest, testing::ValuesIn(WireDialects()), DialectName);

TEST_P(StatusTest, SaysThatTheGatewayIsThereAndThatItEnds) {
  MqttDevice device(broker_.uri());
  device.Subscribe("status");
  for (const Qos qos : {Qos::kAtMostOnce, Qos::kAtLeastOnce, Qos::kExactlyOnce}) {
    const size_t before = device.received().values().size();
    std::optional<TestPublisher> publisher(std::in_place, Options(qos));
    ASSERT_TRUE(publisher->Ready());
    EXPECT_EQ(Heard(device, before + 1).back(), "here");
    publisher.reset();
    EXPECT_EQ(Heard(device, before + 2).back(), "gone");
    EXPECT_EQ(device.received().values().back().qos, qos);
  }
}

TEST_P(StatusTest, IsRetainedForWhoComesLater) {
  std::optional<TestPublisher> publisher(std::in_place, Options());
  ASSERT_TRUE(publisher->Ready());
  EXPECT_EQ(publisher->OutcomeOf(publisher->Publish("r", "x", Qos::kAtLeastOnce)).code, PublishOutcome::Code::kOk);
  MqttDevice during(broker_.uri());
  during.Subscribe("status");
  EXPECT_THAT(Heard(during, 1), ElementsAre("here"));
  publisher.reset();
  EXPECT_THAT(Heard(during, 2), ElementsAre("here", "gone"));
  MqttDevice after(broker_.uri());
  after.Subscribe("status");
  EXPECT_THAT(Heard(after, 1), ElementsAre("gone"));
}

TEST_P(StatusTest, IsToldWithEachConnection) {
  FakeBroker broker(GetParam().mqtt5);
  MqttOptions options = Options(Qos::kExactlyOnce);
  options.uri = broker.uri();
  broker.HoldAcks();
  TestPublisher publisher(options);
  EXPECT_THAT(broker.published().WaitFor(1), SizeIs(1));
  broker.Behave();
  const auto all = broker.published().WaitUntil([](const std::vector<FakeBroker::Published>& published) {
    return std::ranges::any_of(published, [](const auto& one) { return one.connection == 2 && !one.dup; });
  });
  EXPECT_FALSE(all.back().dup) << "another one than that which was under way when the will was published";
  EXPECT_EQ(publisher.OutcomeOf(publisher.Publish("r", "x", Qos::kExactlyOnce)).code, PublishOutcome::Code::kOk);
}

TEST(StatusMqtt5Test, HoldsToTheBrokersWindow) {
  FakeBroker broker;
  broker.Announce({"\x21\0\1", 3});
  MqttOptions options = OptionsFor(broker.uri());
  options.status = MqttStatus{.topic = "status"};
  broker.HoldAcks();
  TestPublisher publisher(options);
  const uint64_t token = publisher.Publish("r", "x", Qos::kAtLeastOnce);
  EXPECT_THAT(broker.published().WaitFor(1), SizeIs(1));
  EXPECT_TRUE(Eventually([&] { return broker.held_acks() == 1; }));
  EXPECT_THAT(broker.published().values(), SizeIs(1)) << "the status fills it";
  broker.ReleaseAcks();
  EXPECT_EQ(publisher.OutcomeOf(token).code, PublishOutcome::Code::kOk);
}

// ------------------------------------------------------------------------------------------------ ids, passwords

TEST_P(StatusTest, TheBrokerChoosesTheIdOfRepliesWhereItChoosesThatOfIntake) {
  MqttOptions options = OptionsFor(broker_.uri(), GetParam());
  options.client_id = "";
  options.clean_session = true;
  TestPublisher one(options);
  TestPublisher two(options);
  ASSERT_TRUE(one.Ready() && two.Ready());
  EXPECT_EQ(one.OutcomeOf(one.Publish("r", "x", Qos::kAtLeastOnce)).code, PublishOutcome::Code::kOk);
  EXPECT_EQ(two.OutcomeOf(two.Publish("r", "x", Qos::kAtLeastOnce)).code, PublishOutcome::Code::kOk);
  EXPECT_TRUE(one->State().ready && two->State().ready) << "neither has thrown the other out";
}

TEST_P(StatusTest, RepliesDoNotBeginWithTheSamePacketIdentifierEachTime) {
  FakeBroker broker(GetParam().mqtt5);
  std::vector<uint16_t> first;
  for (size_t i = 1; i <= 4; ++i) {
    TestPublisher publisher(OptionsFor(broker.uri(), GetParam()));
    ASSERT_TRUE(publisher.Ready());
    publisher.OutcomeOf(publisher.Publish("r", "x", Qos::kExactlyOnce));
    first.push_back(broker.published().WaitFor(i).back().packet_id);
  }
  // Four equal ones of 65,535 come once in 10^14.
  EXPECT_NE(std::ranges::count(first, first[0]), 4);
}

}  // namespace
}  // namespace sluice
