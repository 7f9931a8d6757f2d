#include "server/pressure/intake_gate.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

// Remembers whether it was told to rest, and how often that changed.
class RestingIntake final : public IntakeConnection {
 public:
  void Start() override {}
  void Pause(std::string reason) override {
    paused = true;
    ++changes;
    last_reason = std::move(reason);
  }
  void Resume() override {
    paused = false;
    ++changes;
  }
  void StayOut(std::vector<size_t> /*shared_subscriptions*/) override {}
  bool UnsubscribeShared(SteadyTime /*deadline*/) override { return true; }
  void Stop(SteadyTime /*deadline*/) override {}
  ConnectionState State() const override { return {}; }

  bool paused = false;
  int changes = 0;
  std::string last_reason;
};

class IntakeGateTest : public ::testing::Test {
 protected:
  IntakeGateTest() {
    gate_.AddConnection(one_, [this](const Chain& chain) { return &chain == &a_; });
    gate_.AddConnection(both_, [](const Chain&) { return true; });
  }
  Chain a_{.name = "a", .index = 0, .options = {}};
  Chain b_{.name = "b", .index = 1, .options = {}};
  RestingIntake one_;
  RestingIntake both_;
  IntakeGate gate_;
};

TEST_F(IntakeGateTest, PausesOnlyTheConnectionsThatFeedTheFullChain) {
  gate_.OnPressure(b_, true);
  EXPECT_FALSE(one_.paused);
  EXPECT_TRUE(both_.paused);
  EXPECT_NE(both_.last_reason.find("'b'"), std::string::npos);
}

TEST_F(IntakeGateTest, ResumesWhenTheLastFullChainIsRelieved) {
  gate_.OnPressure(a_, true);
  gate_.OnPressure(b_, true);
  gate_.OnPressure(a_, false);
  EXPECT_FALSE(one_.paused);
  EXPECT_TRUE(both_.paused);
  gate_.OnPressure(b_, false);
  EXPECT_FALSE(both_.paused);
}

TEST_F(IntakeGateTest, TakesRepeatsForOne) {
  gate_.OnPressure(a_, true);
  gate_.OnPressure(a_, true);
  EXPECT_EQ(one_.changes, 1);
  gate_.OnPressure(a_, false);
  gate_.OnPressure(a_, false);
  EXPECT_EQ(one_.changes, 2);
}

}  // namespace
}  // namespace sluice
