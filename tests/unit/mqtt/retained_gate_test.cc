#include "server/mqtt/retained_gate.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

const std::vector<Subscription> kSubscriptions = {{.filter = "all/#", .retained = Retained::kAll},
                                                  {.filter = "new/+", .retained = Retained::kNew},
                                                  {.filter = "none/x", .retained = Retained::kNone},
                                                  {.filter = "$share/g/shared", .retained = Retained::kNone}};

class RetainedGateTest : public testing::Test {
 protected:
  // A connection, and all subscriptions asked for and granted.
  void Connect(bool session_present) {
    gate_.OnUp(session_present);
    for (size_t i = 0; i < kSubscriptions.size(); ++i) {
      gate_.Asked(i);
      gate_.Answered(i, /*granted=*/true);
    }
  }

  RetainedGate gate_{kSubscriptions, /*mqtt5=*/false};
};

TEST_F(RetainedGateTest, NewOnesComeWithANewSubscriptionOnly) {
  Connect(/*session_present=*/false);
  EXPECT_FALSE(gate_.Drops("new/a", false));
  Connect(/*session_present=*/true);
  EXPECT_TRUE(gate_.Drops("new/a", false));
  Connect(/*session_present=*/false);
  EXPECT_FALSE(gate_.Drops("new/a", false));
}

TEST_F(RetainedGateTest, AStartThatFindsItsSessionHasHadThem) {
  Connect(/*session_present=*/true);
  EXPECT_TRUE(gate_.Drops("new/a", false));
}

TEST_F(RetainedGateTest, WhatTheSessionIsKnownNotToHoldIsNew) {
  std::vector<Subscription> subscriptions = kSubscriptions;
  subscriptions[1].held = false;  // A route that was added.
  gate_ = RetainedGate(subscriptions, /*mqtt5=*/false);
  Connect(/*session_present=*/true);
  EXPECT_FALSE(gate_.Drops("new/a", false));
  Connect(/*session_present=*/true);
  EXPECT_TRUE(gate_.Drops("new/a", false)) << "once";
}

TEST_F(RetainedGateTest, OneThatWasNotAcknowledgedComesAgain) {
  Connect(/*session_present=*/true);
  EXPECT_FALSE(gate_.Drops("new/a", /*dup=*/true));
  EXPECT_TRUE(gate_.Drops("none/x", /*dup=*/true));
}

TEST_F(RetainedGateTest, AllAndNoneAreWhatTheySay) {
  for (const bool session_present : {false, true}) {
    Connect(session_present);
    EXPECT_FALSE(gate_.Drops("all/a/b", false));
    EXPECT_TRUE(gate_.Drops("none/x", false));
    EXPECT_TRUE(gate_.Drops("shared", false)) << "the filter behind the share";
    EXPECT_FALSE(gate_.Drops("elsewhere", false));
  }
}

TEST_F(RetainedGateTest, WhatWasRefusedIsNewWhenItIsGranted) {
  gate_.OnUp(/*session_present=*/true);
  gate_.Asked(1);
  gate_.Answered(1, /*granted=*/false);
  gate_.Asked(1);
  EXPECT_FALSE(gate_.Drops("new/a", false));
}

TEST_F(RetainedGateTest, WhatWasLeftIsNewAgain) {
  Connect(/*session_present=*/true);
  gate_.Left(1);
  gate_.Asked(1);
  EXPECT_FALSE(gate_.Drops("new/a", false));
}

TEST_F(RetainedGateTest, WithMqtt5TheBrokerDoesIt) {
  RetainedGate gate(kSubscriptions, /*mqtt5=*/true);
  gate.OnUp(true);
  for (size_t i = 0; i < kSubscriptions.size(); ++i) gate.Asked(i);
  EXPECT_FALSE(gate.Drops("none/x", false));
  const MqttOptions session;
  const MqttOptions clean{.clean_session = true};
  EXPECT_EQ(RetainHandling(kSubscriptions[0], session, false), 0);
  EXPECT_EQ(RetainHandling(kSubscriptions[1], session, false), 1);
  EXPECT_EQ(RetainHandling(kSubscriptions[1], clean, false), 0);
  EXPECT_EQ(RetainHandling(kSubscriptions[1], session, /*had=*/true), 2);
  EXPECT_EQ(RetainHandling(kSubscriptions[2], session, false), 2);
}

}  // namespace
}  // namespace sluice
