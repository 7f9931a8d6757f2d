#include "server/backlog/restorer.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

class RestorerTest : public testing::Test {
 protected:
  RestorerTest() {
    RouteSpec spec;
    spec.id = "temperature";
    spec.connection = "plant";
    spec.filter = "plant/+/temp";
    spec.target = "readings";
    EXPECT_TRUE(BuildRoutes(std::vector<RouteSpec>{spec}, chains_, routes_).ok());
  }

  static RecoveredMessage Recovered() {
    RecoveredMessage message;
    message.record = 7;
    message.id = {1, 2};
    message.connection = "plant";
    message.route = "temperature";
    message.chain = "readings";
    message.start_node = "node3";
    message.attempts = 2;
    message.message = MakeMessage("plant/boiler/temp", "81.5");
    return message;
  }

  ChainDirectory chains_{ChainOptions{.order_by = {OrderBy::Kind::kTopic}}};
  RouteTable routes_;
  Restorer restorer_{{"plant"}, chains_, routes_};
  RoutedMessage routed_;
};

TEST_F(RestorerTest, FindsRouteAndChainAgain) {
  ASSERT_TRUE(restorer_.Restore(Recovered(), routed_).ok());
  EXPECT_EQ(routed_.route, routes_.Find("temperature"));
  EXPECT_EQ(routed_.chain, chains_.Find("readings"));
  EXPECT_EQ(routed_.start_node, "node3");
  EXPECT_EQ(routed_.ordering_key, "plant/boiler/temp");
  EXPECT_EQ(routed_.id, (MessageId{1, 2}));
  EXPECT_EQ(routed_.record, 7u);
  EXPECT_EQ(routed_.attempts, 2u);
  EXPECT_EQ(routed_.message->payload, "81.5");
}

TEST_F(RestorerTest, MakesUpARouteThatIsGoneOnce) {
  RecoveredMessage message = Recovered();
  message.route = "gone";
  message.chain = "other";
  ASSERT_TRUE(restorer_.Restore(std::move(message), routed_).ok());
  EXPECT_EQ(routed_.route->id, "gone");
  EXPECT_EQ(routed_.route->connection, "plant");
  EXPECT_EQ(routed_.chain, chains_.Find("other"));
  RecoveredMessage second = Recovered();
  second.route = "gone";
  RoutedMessage other;
  ASSERT_TRUE(restorer_.Restore(std::move(second), other).ok());
  EXPECT_EQ(other.route, routed_.route);
}

TEST_F(RestorerTest, ARouteThatMovedToAnotherConnectionIsNotTheMessages) {
  RecoveredMessage message = Recovered();
  message.connection = "elsewhere";
  const absl::Status status = restorer_.Restore(std::move(message), routed_);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(status.message(), "the connection 'elsewhere' is not configured any more");
  EXPECT_EQ(routed_.route->connection, "elsewhere");
  EXPECT_EQ(routed_.chain, chains_.Find("readings")) << "whole, for the dead letters";
}

TEST_F(RestorerTest, WhatWasTakenInHasItsChainWhateverTheBoundIsByNow) {
  for (size_t i = 0; i < chains_.most_of_messages(); ++i) chains_.ForMessage("c" + std::to_string(i));
  ASSERT_TRUE(chains_.at_bound());
  RecoveredMessage message = Recovered();
  message.chain = "one more";
  EXPECT_TRUE(restorer_.Restore(std::move(message), routed_).ok());
  EXPECT_EQ(routed_.chain, chains_.Find("one more"));
}

}  // namespace
}  // namespace sluice
