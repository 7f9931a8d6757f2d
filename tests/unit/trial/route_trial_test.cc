// What routes would do with a message, asked of configurations as the loader gives them.
#include "server/trial/route_trial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/config/load.h"
#include "server/trial/trial_text.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kFile[] = R"(connections:
  plant: {server: "mqtt://127.0.0.1:1883", clientId: gw}
  hall: {server: "mqtt://127.0.0.2:1883", clientId: gw, protocol: "3.1.1"}
routes:
  - {id: temp, connection: plant, from: {path: plant/+/temp, qos: 2}, to: {path: "chain:alarm:node3"}}
  - {id: all, connection: plant, from: {path: $share/g/plant/#, qos: 1}, to: {path: "chain:log"}}
  - {id: hex, connection: plant, from: {path: raw/+, qos: 1, processors: [toHex]}, to: {path: "${topic}", chains: ["raw/*"]}}
  - {id: hall, connection: hall, from: {path: plant/1/temp, qos: 1}, to: {path: "chain:log"}}
chains:
  alarm: {orderBy: topic level 2}
replies: {allow: ["plant/#", "out/#"]}
workers: {listen: "127.0.0.1:7443", insecure: true}
journal: {enabled: false}
)";

class RouteTrialTest : public testing::Test {
 protected:
  RouteTrialTest() : loaded_(LoadConfig(kFile, "gw.yaml", Surroundings::Real())) {
    EXPECT_TRUE(loaded_.ok()) << (loaded_.ok() ? "" : loaded_.errors.front().ToString());
    request_.set_qos(1);
  }

  std::vector<v1::RouteMatch> Test(const std::string& topic) {
    request_.set_topic(topic);
    const absl::StatusOr<v1::TestRoutesResponse> response = TestRoutes(loaded_.config, request_);
    EXPECT_TRUE(response.ok()) << response.status();
    if (!response.ok()) return {};
    response_ = *response;
    return {response_.matches().begin(), response_.matches().end()};
  }
  std::vector<std::string> RoutesFor(const std::string& topic) {
    std::vector<std::string> ids;
    for (const v1::RouteMatch& match : Test(topic)) ids.push_back(match.route());
    return ids;
  }

  LoadResult loaded_;
  v1::TestRoutesRequest request_;
  v1::TestRoutesResponse response_;
};

TEST_F(RouteTrialTest, NamesEveryRouteOfEveryConnectionThatTakesTheMessage) {
  EXPECT_THAT(RoutesFor("plant/1/temp"), ElementsAre("temp", "all", "hall"));
  EXPECT_THAT(RoutesFor("plant/2/temp"), ElementsAre("temp", "all"));
  EXPECT_THAT(RoutesFor("nobody"), IsEmpty());
  EXPECT_THAT(DescribeTest(request_, response_), HasSubstr("no route takes 'nobody'"));
  EXPECT_FALSE(TestPassed(request_, response_));
}

TEST_F(RouteTrialTest, OfOneConnectionOnlyWhereOneIsNamed) {
  request_.set_connection("hall");
  EXPECT_THAT(RoutesFor("plant/1/temp"), ElementsAre("hall"));
  request_.set_connection("nowhere");
  request_.set_topic("plant/1/temp");
  EXPECT_THAT(TestRoutes(loaded_.config, request_).status().message(), HasSubstr("no connection 'nowhere'"));
}

TEST_F(RouteTrialTest, SaysSubscriptionChainNodeAndKey) {
  request_.set_connection("plant");
  request_.set_qos(2);
  const std::vector<v1::RouteMatch> matches = Test("plant/7/temp");
  ASSERT_EQ(matches.size(), 2U);
  EXPECT_EQ(matches[0].subscription(), "plant/+/temp");
  EXPECT_EQ(matches[0].qos(), 2U);
  EXPECT_EQ(matches[0].chain(), "alarm");
  EXPECT_EQ(matches[0].start_node(), "node3");
  EXPECT_EQ(matches[0].ordering_key(), "7");
  EXPECT_EQ(matches[1].subscription(), "$share/g/plant/#");
  EXPECT_EQ(matches[1].qos(), 1U);
  EXPECT_EQ(matches[1].ordering_key(), "");
}

TEST_F(RouteTrialTest, ShowsWhatProcessorsMakeOfThePayload) {
  request_.set_payload(std::string("\x01\xff", 2));
  const std::vector<v1::RouteMatch> matches = Test("raw/x");
  ASSERT_EQ(matches.size(), 1U);
  EXPECT_THAT(matches[0].processors(), ElementsAre("toHex"));
  EXPECT_EQ(matches[0].payload(), "01FF");
  EXPECT_EQ(matches[0].chain(), "raw/x");
}

TEST_F(RouteTrialTest, ATargetThatMayNotBeIsARefusalAtAnyQos) {
  loaded_.config.routes[2].chains = {"other"};
  for (const uint32_t qos : {0U, 1U}) {
    request_.set_qos(qos);
    const std::vector<v1::RouteMatch> matches = Test("raw/x");
    ASSERT_EQ(matches.size(), 1U);
    EXPECT_EQ(matches[0].chain(), "");
    EXPECT_THAT(matches[0].refusal(), Not(IsEmpty()));
    EXPECT_FALSE(TestPassed(request_, response_));
  }
}

TEST_F(RouteTrialTest, AReplyIsDeniedByTheAllowListAndByALoop) {
  request_.set_connection("plant");
  request_.set_reply_topic("out/x");
  EXPECT_TRUE(Test("plant/7/temp").front().reply_permitted());
  EXPECT_TRUE(TestPassed(request_, response_));
  request_.set_reply_topic("x");
  EXPECT_THAT(Test("plant/7/temp").front().reply_refusal(), HasSubstr("replies.allow"));
  request_.set_reply_topic("plant/8/temp");
  EXPECT_FALSE(Test("plant/7/temp").front().reply_permitted());
  EXPECT_FALSE(TestPassed(request_, response_));
  EXPECT_THAT(DescribeTest(request_, response_), HasSubstr("DENIED"));
}

TEST_F(RouteTrialTest, TopicsThatAreNoneAreErrors) {
  for (const char* topic : {"", "a/#", "a/+/b"}) {
    request_.set_topic(topic);
    EXPECT_EQ(TestRoutes(loaded_.config, request_).status().code(), absl::StatusCode::kInvalidArgument) << topic;
  }
  request_.set_topic("a");
  request_.set_reply_topic("a/#");
  EXPECT_THAT(TestRoutes(loaded_.config, request_).status().message(), HasSubstr("reply_topic"));
}

TEST_F(RouteTrialTest, WhatATerminalWouldObeyIsShownAsText) {
  request_.set_payload("\x1b[2J");
  request_.set_connection("plant");
  Test("plant/7/temp");
  EXPECT_THAT(DescribeTest(request_, response_), HasSubstr("\\x1b[2J"));
}

}  // namespace
}  // namespace sluice
