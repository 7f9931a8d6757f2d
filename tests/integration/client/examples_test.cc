// The example workers keep the protocol, as programs of their own: they are what newcomers run and copy.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/fake_gateway.h"
#include "tests/support/process.h"

namespace sluice {
namespace {

using testing::FakeGateway;

v1::Delivery Reading(const std::string& payload) {
  v1::Delivery delivery;
  delivery.set_topic("plant/boiler/temp");
  delivery.set_payload(payload);
  delivery.set_qos(1);
  return delivery;
}

class TemperatureExampleTest : public ::testing::TestWithParam<std::vector<std::string>> {
 protected:
  std::vector<std::string> Command(const FakeGateway& gateway) {
    std::vector<std::string> command = GetParam();
    command.insert(command.end(), {"--gateway", gateway.address(), "--chain", "temperature"});
    return command;
  }
};

INSTANTIATE_TEST_SUITE_P(Languages, TemperatureExampleTest,
                         ::testing::Values(std::vector<std::string>{ALARM_BINARY},
                                           std::vector<std::string>{"/usr/bin/env", "SLUICE_PYTHON=" PYTHON_GENERATED,
                                                                    "/usr/bin/python3", PYTHON_WORKER}),
                         [](const auto& tested) { return tested.index == 0 ? "Cpp" : "Python"; });

TEST_P(TemperatureExampleTest, AnswersReadingsBelowTheirTopic) {
  FakeGateway gateway;
  Process worker(Command(gateway));
  gateway.Deliver(1, Reading(R"({"sensor":"boiler","celsius":81.5})"));
  const auto hot = gateway.ExpectSettle();
  gateway.Deliver(1, Reading(R"({"sensor":"boiler","celsius":20})"));
  const auto cold = gateway.ExpectSettle();
  ASSERT_TRUE(hot && cold);
  ASSERT_EQ(hot->replies_size(), 1);
  EXPECT_EQ(hot->replies(0).topic(), "plant/boiler/reply/alarm");
  EXPECT_EQ(hot->replies(0).qos(), 1U);
  EXPECT_EQ(hot->replies(0).payload(), R"({"sensor":"boiler","celsius":81.5,"alarm":true,"limit":80})");
  ASSERT_EQ(cold->replies_size(), 1);
  EXPECT_NE(cold->replies(0).payload().find(R"("alarm":false)"), std::string::npos);
}

TEST_P(TemperatureExampleTest, RejectsWhatIsNoReading) {
  FakeGateway gateway;
  Process worker(Command(gateway));
  for (const char* payload : {"", "not json", "[]", "null", R"({"sensor":1,"celsius":2})",
                              R"({"sensor":"boiler","celsius":"hot"})", "\xff\xfe"}) {
    gateway.Deliver(1, Reading(payload));
    const auto settle = gateway.ExpectSettle();
    ASSERT_TRUE(settle);
    EXPECT_EQ(settle->outcome(), v1::OUTCOME_REJECT) << payload;
    EXPECT_FALSE(settle->reason().empty());
  }
}

TEST_P(TemperatureExampleTest, ConnectsAgainAfterALostStream) {
  FakeGateway gateway;
  Process worker(Command(gateway));
  ASSERT_TRUE(gateway.ExpectHello(1));
  gateway.DropStream();
  EXPECT_TRUE(gateway.ExpectHello(2));
}

TEST_P(TemperatureExampleTest, KeepsTheHeartbeat) {
  FakeGateway gateway({.heartbeat_ms = 1'000});
  Process worker(Command(gateway));
  ASSERT_TRUE(gateway.ExpectHello());
  EXPECT_TRUE(gateway.ExpectPing());
}

TEST_P(TemperatureExampleTest, DrainsOnSigterm) {
  FakeGateway gateway;
  Process worker(Command(gateway));
  gateway.Deliver(1, Reading(R"({"sensor":"boiler","celsius":81.5})"));
  ASSERT_TRUE(gateway.ExpectSettle());
  worker.Terminate();
  EXPECT_EQ(worker.Wait(), 0);
  EXPECT_TRUE(gateway.ExpectDrain());
  EXPECT_TRUE(gateway.ExpectEnd());
}

TEST(EchoExampleTest, AnswersWithTheMessagesOwnPayload) {
  FakeGateway gateway;
  Process worker(std::vector<std::string>{ECHO_BINARY, "--gateway", gateway.address(), "--chain", "echo",
                                          "--reply-topic", "demo/reply", "--reply-qos", "2"});
  gateway.Deliver(100, Reading("any bytes"));
  for (const v1::Settle& settle : gateway.ExpectSettles(100)) {
    ASSERT_EQ(settle.replies_size(), 1);
    EXPECT_EQ(settle.replies(0).topic(), "demo/reply");
    EXPECT_EQ(settle.replies(0).qos(), 2U);
    EXPECT_EQ(settle.replies(0).payload(), "any bytes");
  }
  worker.Terminate();
  EXPECT_EQ(worker.Wait(), 0);
}

TEST(EchoExampleTest, LeavesTheTopicToTheMessageWhereNoneIsGiven) {
  FakeGateway gateway;
  Process worker(std::vector<std::string>{ECHO_BINARY, "--gateway", gateway.address(), "--chain", "echo"});
  gateway.Deliver(1, Reading("x"));
  const auto settle = gateway.ExpectSettle();
  ASSERT_TRUE(settle);
  ASSERT_EQ(settle->replies_size(), 1);
  EXPECT_EQ(settle->replies(0).topic(), "");
  EXPECT_FALSE(settle->replies(0).has_qos());
}

}  // namespace
}  // namespace sluice
