// What the gateway promises holds with every broker at hand: each version of MQTT, each driver.
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "tests/integration/mqtt/fixture.h"
#include "tests/support/brokers/brokers.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using Code = PublishOutcome::Code;
using Case = std::tuple<BrokerKind, Dialect>;

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const BrokerKind& broker : AllBrokers()) {
    for (const Dialect& dialect : AllDialects()) {
      if (broker.mqtt5 || !dialect.mqtt5) cases.emplace_back(broker, dialect);
    }
  }
  return cases;
}

std::string CaseName(const testing::TestParamInfo<Case>& info) {
  return std::get<BrokerKind>(info.param).identifier + DialectName({std::get<Dialect>(info.param), info.index});
}

std::vector<std::string> Numbers(int count) {
  std::vector<std::string> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

// One broker for all tests of a process that need the same: RabbitMQ takes seconds to start. They use topics and client
// ids of their own.
RealBroker& Shared(const BrokerKind& kind) {
  static std::string name;
  static std::unique_ptr<RealBroker> broker;
  if (name != kind.name) {
    broker.reset();
    broker = kind.start();
    name = kind.name;
  }
  return *broker;
}

class BrokersTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (const std::string missing = kind().missing(); !missing.empty()) GTEST_SKIP() << missing;
    broker_ = &Shared(kind());
    // Nothing of another test, nor of another case of the same.
    const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
    id_ = std::string(test.name()).replace(std::string(test.name()).find('/'), 1, "-");
  }
  const BrokerKind& kind() const { return std::get<BrokerKind>(GetParam()); }
  Dialect dialect() const { return std::get<Dialect>(GetParam()); }
  RealBroker& broker() { return *broker_; }
  MqttOptions Options(const std::string& suffix = "") {
    MqttOptions options = OptionsFor(broker_->uri(), dialect());
    options.client_id = id_ + suffix;
    return options;
  }
  MqttDevice::Options DeviceOptions() const { return {.client_id = id_ + "-device", .mqtt5 = dialect().mqtt5}; }
  std::string Topic(const std::string& rest) const { return id_ + "/" + rest; }
  std::vector<Subscription> To(const std::string& rest, Qos qos = Qos::kAtLeastOnce) const {
    return {{.filter = Topic(rest), .qos = qos, .id = 1}};
  }

 private:
  RealBroker* broker_ = nullptr;
  std::string id_;
};
INSTANTIATE_TEST_SUITE_P(All, BrokersTest, testing::ValuesIn(Cases()), CaseName);

TEST_P(BrokersTest, TakesInEveryQosInOrder) {
  TestIntake intake(Options(), To("#", Qos::kExactlyOnce));
  ASSERT_TRUE(intake.Ready()) << intake->State().detail;
  MqttDevice device(broker().uri(), DeviceOptions());
  const int levels = kind().qos2 ? 3 : 2;
  for (int i = 0; i < 60; ++i) device.Publish(Topic("a"), std::to_string(i), static_cast<Qos>(i % levels));
  // MQTT keeps the order within a QoS only (§4.6).
  std::array<std::vector<int>, 3> by_qos;
  for (const std::string& payload : Payloads(intake.messages().WaitFor(60))) {
    const int number = std::stoi(payload);
    by_qos.at(static_cast<size_t>(number % levels)).push_back(number);
  }
  for (const std::vector<int>& numbers : by_qos) {
    EXPECT_TRUE(std::ranges::is_sorted(numbers));
  }
  for (int i = 0; i < 60; ++i) {
    const auto qos = static_cast<size_t>(i % levels);
    EXPECT_EQ(std::ranges::count(by_qos.at(qos), i), 1) << "of message " << i << ", QoS " << qos;
  }
}

TEST_P(BrokersTest, PublishesEveryQosInOrder) {
  MqttDevice device(broker().uri(), DeviceOptions());
  device.Subscribe(Topic("#"));
  TestPublisher publisher(Options());
  ASSERT_TRUE(publisher.Ready());
  constexpr int kCount = 200;
  for (int i = 0; i < kCount; ++i) {
    for (Qos qos : {Qos::kAtMostOnce, Qos::kAtLeastOnce, Qos::kExactlyOnce}) {
      publisher.Publish(Topic(std::to_string(static_cast<int>(qos))), std::to_string(i), qos);
    }
  }
  EXPECT_EQ(publisher->Flush(Clock::Real().Now() + kTestDeadline), 0u) << publisher->State().detail;
  for (const PublishOutcome& outcome : publisher.outcomes().values()) EXPECT_EQ(outcome.code, Code::kOk);
  std::map<std::string, std::vector<Received>> by_topic;
  for (Received& received : device.received().WaitFor(size_t{3} * kCount)) {
    by_topic[received.topic].push_back(received);
  }
  for (const char* qos : {"0", "1", "2"}) EXPECT_EQ(Payloads(by_topic[Topic(qos)]), Numbers(kCount)) << "QoS " << qos;
}

TEST_P(BrokersTest, CarriesAnyPayloadAndTopic) {
  TestIntake intake(Options(), To("#"));
  TestPublisher publisher(Options());
  ASSERT_TRUE(intake.Ready() && publisher.Ready());
  const std::string binary("\0\xFF\xFE", 3);
  const std::string large(5 << 20, 'x');
  publisher.Publish(Topic("Öl/温度"), binary, Qos::kAtLeastOnce);
  publisher.Publish(Topic("empty"), "", Qos::kAtLeastOnce);
  publisher.Publish(Topic("large"), large, Qos::kAtLeastOnce);
  std::vector<InboundMessage> messages = intake.messages().WaitFor(3);
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(messages[0].message->topic, Topic("Öl/温度"));
  EXPECT_EQ(messages[0].message->payload, binary);
  EXPECT_EQ(messages[1].message->payload, "");
  EXPECT_EQ(messages[2].message->payload, large);
}

TEST_P(BrokersTest, MarksRetainedMessages) {
  TestPublisher publisher(Options());
  EXPECT_EQ(publisher.OutcomeOf(publisher.Publish(Topic("r"), "on", Qos::kAtLeastOnce, /*retain=*/true)).code,
            Code::kOk);
  TestIntake intake(Options(), To("r"));
  ASSERT_EQ(intake.messages().WaitFor(1).size(), 1u);
  EXPECT_TRUE(intake.messages().values()[0].message->retain);
  publisher.OutcomeOf(publisher.Publish(Topic("r"), "", Qos::kAtLeastOnce, /*retain=*/true));
}

TEST_P(BrokersTest, KeepsTheSessionsMessagesWhileNobodyIsConnected) {
  {
    TestIntake intake(Options(), To("a"));
    ASSERT_TRUE(intake.Ready());
  }
  MqttDevice device(broker().uri(), DeviceOptions());
  for (int i = 0; i < 50; ++i) device.Publish(Topic("a"), std::to_string(i));
  device.Flush();
  TestIntake intake(Options(), To("a"));
  const std::vector<std::string> payloads = Payloads(intake.messages().WaitFor(50));
  if (kind().ordered_queue) {
    EXPECT_EQ(payloads, Numbers(50));
  } else {
    EXPECT_THAT(payloads, testing::UnorderedElementsAreArray(Numbers(50)));
  }
}

TEST_P(BrokersTest, SharesASubscription) {
  const std::vector<Subscription> shared = {{.filter = "$share/g/" + Topic("s"), .qos = Qos::kAtLeastOnce, .id = 1}};
  if (!kind().shares)
    GTEST_SKIP() << kind().name << " has no shared subscriptions: docs/brokers.md says how that shows";
  TestIntake one(Options("-one"), shared);
  TestIntake other(Options("-other"), shared);
  ASSERT_TRUE(one.Ready() && other.Ready());
  MqttDevice device(broker().uri(), DeviceOptions());
  for (int i = 0; i < 40; ++i) device.Publish(Topic("s"), std::to_string(i));
  EXPECT_TRUE(Eventually([&] { return one.messages().values().size() + other.messages().values().size() >= 40; }));
  std::set<std::string> all;
  for (TestIntake* intake : {&one, &other}) {
    std::vector<std::string> payloads = Payloads(intake->messages().values());
    EXPECT_FALSE(payloads.empty());
    all.insert(payloads.begin(), payloads.end());
  }
  EXPECT_EQ(all.size(), 40u);
}

TEST_P(BrokersTest, SaysWhichSubscriptionIsRefused) {
  if (!kind().refuses) GTEST_SKIP() << kind().name << " is not told here to refuse any";
  TestIntake intake(Options(), {{.filter = "refused", .qos = Qos::kAtLeastOnce, .id = 1}});
  EXPECT_TRUE(intake.DetailHas("subscription 'refused' refused: 0x8"));
  EXPECT_FALSE(intake->State().ready);
}

TEST_P(BrokersTest, DoesNotFightOverATakenSession) {
  MqttOptions options = Options();
  options.max_reconnect_interval = Millis{60'000};
  TestIntake intake(options, To("a"));
  ASSERT_TRUE(intake.Ready());
  MqttDevice device(broker().uri(), {.client_id = options.client_id, .mqtt5 = dialect().mqtt5});
  ASSERT_TRUE(Eventually([&] { return !intake->State().ready; }));
  EXPECT_NE(intake->State().detail, "");
}

TEST_P(BrokersTest, GoesOnAfterABrokersRestart) {
  TestIntake intake(Options(), To("a"));
  TestPublisher publisher(Options());
  ASSERT_TRUE(intake.Ready() && publisher.Ready());
  broker().Stop();
  ASSERT_TRUE(Eventually([&] { return !intake->State().ready && !publisher->State().ready; }));
  const uint64_t meanwhile = publisher.Publish(Topic("a"), "meanwhile", Qos::kAtLeastOnce);
  broker().Start();
  EXPECT_EQ(publisher.OutcomeOf(meanwhile).code, Code::kOk);
  ASSERT_TRUE(intake.Ready());
  publisher.Publish(Topic("a"), "after", Qos::kAtLeastOnce);
  auto came = [](const std::vector<InboundMessage>& all) {
    return !all.empty() && all.back().message->payload == "after";
  };
  const std::vector<InboundMessage> messages = intake.messages().WaitUntil(came);
  EXPECT_TRUE(came(messages));
  // A broker without persistence has forgotten the subscription when the first message comes.
  if (kind().persistent) {
    EXPECT_THAT(Payloads(messages), ElementsAre("meanwhile", "after"));
  }
}

}  // namespace
}  // namespace sluice
