#include "server/mqtt/connection_life.h"

#include <gtest/gtest.h>

#include "server/mqtt/reason_codes.h"
#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

class ConnectionLifeTest : public testing::Test {
 protected:
  Millis Wait(SteadyTime due) { return std::chrono::duration_cast<Millis>(due - clock_.Now()); }
  int64_t Connected() {
    return metrics_.GetGauge("sluice_mqtt_connected", "", {{"connection", "plant"}, {"role", "intake"}}).value();
  }

  ManualClock clock_;
  MetricsRegistry metrics_;
  MqttOptions options_{.name = "plant", .max_reconnect_interval = Millis{60'000}};
  ConnectionLife life_{options_, "intake", clock_, metrics_};
};

TEST_F(ConnectionLifeTest, WaitsLongerAfterEachFailureUpToTheInterval) {
  Millis longest{0};
  for (int i = 0; i < 20; ++i) longest = std::max(longest, Wait(life_.ConnectFailed("no", false)));
  EXPECT_LE(Wait(life_.ConnectFailed("no", false)), options_.max_reconnect_interval);
  EXPECT_GE(longest, Millis{30'000});
}

TEST_F(ConnectionLifeTest, ABackOffStartsOverOnlyAfterAConnectionThatHeld) {
  for (int i = 0; i < 20; ++i) life_.ConnectFailed("no", false);
  life_.Up(false);
  clock_.Advance(Millis{100});
  EXPECT_GE(Wait(life_.Lost("closed", 0)), Millis{30'000});
  life_.Up(false);
  clock_.Advance(Millis{10'000});
  EXPECT_LE(Wait(life_.Lost("closed", 0)), Millis{500});
}

TEST_F(ConnectionLifeTest, ATakenOverSessionIsNotFoughtFor) {
  life_.Up(false);
  clock_.Advance(Millis{10'000});
  EXPECT_GE(Wait(life_.Lost("taken over", reason::kSessionTakenOver)), Millis{10'000});
}

TEST_F(ConnectionLifeTest, TheGaugeFollows) {
  life_.Up(true);
  EXPECT_EQ(Connected(), 1);
  life_.Lost("closed", 0);
  EXPECT_EQ(Connected(), 0);
  life_.Up(true);
  life_.Down();
  EXPECT_EQ(Connected(), 0);
}

}  // namespace
}  // namespace sluice
