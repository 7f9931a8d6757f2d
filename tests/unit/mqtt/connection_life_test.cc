#include "server/mqtt/connection_life.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/mqtt/reason_codes.h"
#include "server/telemetry/log.h"
#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ConnectionLifeTest : public testing::Test {
 protected:
  Millis Wait(SteadyTime due) { return std::chrono::duration_cast<Millis>(due - clock_.Now()); }
  int64_t Connected() {
    return metrics_.GetGauge("sluice_mqtt_connected", "", {{"connection", "plant"}, {"role", "intake"}}).value();
  }

  int64_t Place() {
    return metrics_.GetGauge("sluice_mqtt_server_place", "", {{"connection", "plant"}, {"role", "intake"}}).value();
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
  life_.Up({});
  clock_.Advance(Millis{100});
  EXPECT_GE(Wait(life_.Lost("closed", 0)), Millis{30'000});
  life_.Up({});
  clock_.Advance(Millis{10'000});
  EXPECT_LE(Wait(life_.Lost("closed", 0)), Millis{500});
}

TEST_F(ConnectionLifeTest, TheNextOfSeveralServersIsTriedWithoutAPause) {
  options_.uri = "tcp://a:1";
  options_.more_uris = {"tcp://b:1"};
  ConnectionLife life(options_, "intake", clock_, metrics_);
  EXPECT_EQ(Wait(life.ConnectFailed("no", false)), Millis{0});
  EXPECT_EQ(life.chosen_server(), "tcp://b:1");
  EXPECT_GT(Wait(life.ConnectFailed("no", false)), Millis{0});
  life.ConnectFailed("no", false);
  life.Up({});
  EXPECT_EQ(Place(), 2);
  life.Lost("closed", 0);
  EXPECT_EQ(life.chosen_server(), "tcp://b:1") << "it has the session";
  EXPECT_EQ(Place(), 0);
}

TEST_F(ConnectionLifeTest, BrokersThatSendItToEachOtherMakeItWait) {
  options_.uri = "tcp://a:1";
  options_.follow_server_reference = true;
  ConnectionLife life(options_, "intake", clock_, metrics_);
  int at_once = 0;
  for (int i = 0; i < 100; ++i) {
    life.Up({});
    const std::string other = life.chosen_server() == "tcp://a:1" ? "tcp://b:1" : "tcp://a:1";
    if (Wait(life.Lost("moved", reason::kServerMoved, /*expected=*/false, {other})) == Millis{0}) ++at_once;
  }
  EXPECT_EQ(at_once, ServerList::kMostReferrals);
}

TEST_F(ConnectionLifeTest, AConnectionWhoseEndWasExpectedIsMadeAnewAtOnceButNotForEver) {
  int at_once = 0;
  for (int i = 0; i < 100; ++i) {
    life_.Up({});
    clock_.Advance(Millis{10});
    if (Wait(life_.Lost("closed", 0, /*expected=*/true)) <= Millis{20}) ++at_once;
  }
  EXPECT_EQ(at_once, 32);
  life_.Up({});
  clock_.Advance(Millis{10'000});
  EXPECT_LE(Wait(life_.Lost("closed", 0, /*expected=*/true)), Millis{20});
  EXPECT_GE(Wait(life_.Lost("taken over", reason::kSessionTakenOver, /*expected=*/true)), Millis{10'000});
}

TEST_F(ConnectionLifeTest, ATakenOverSessionIsNotFoughtFor) {
  life_.Up({});
  clock_.Advance(Millis{10'000});
  EXPECT_GE(Wait(life_.Lost("taken over", reason::kSessionTakenOver)), Millis{10'000});
}

TEST_F(ConnectionLifeTest, TheGaugeFollows) {
  life_.Up({.session_present = true});
  EXPECT_EQ(Connected(), 1);
  life_.Lost("closed", 0);
  EXPECT_EQ(Connected(), 0);
  life_.Up({.session_present = true});
  life_.Down();
  EXPECT_EQ(Connected(), 0);
}

// What stands in the log of it.
class ConnectionLifeLogTest : public ConnectionLifeTest {
 protected:
  ConnectionLifeLogTest() { log::Configure(log::Level::kInfo, log::Format::kJson); }
  ~ConnectionLifeLogTest() override { log::Configure(log::Level::kInfo, log::Format::kAuto); }

  template <typename Does>
  static std::string LogOf(Does does) {
    testing::internal::CaptureStderr();
    does();
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(ConnectionLifeLogTest, SaysOnceThatTheBrokerKeepsTheSessionForAShorterTime) {
  const std::string what = "keeps the session for less than sessionExpiry";
  const std::string log = LogOf([this] { life_.Up({.session_expiry_s = 60}); });
  EXPECT_THAT(log, AllOf(HasSubstr(what), HasSubstr("\"asked_s\":86400"), HasSubstr("\"granted_s\":60")));
  EXPECT_THAT(LogOf([this] { life_.Up({.session_expiry_s = 60}); }), Not(HasSubstr(what)));
  EXPECT_THAT(LogOf([this] { life_.Up({.session_expiry_s = 30}); }), HasSubstr(what));
  EXPECT_THAT(LogOf([this] { life_.Up({.session_expiry_s = 86'400}); }), Not(HasSubstr(what)));
}

TEST_F(ConnectionLifeLogTest, SaysNothingOfASessionThatHoldsNoMessages) {
  ConnectionLife replies(options_, "replies", clock_, metrics_);
  EXPECT_THAT(LogOf([&] { replies.Up({.session_expiry_s = 60}); }), Not(HasSubstr("sessionExpiry")));
  options_.clean_session = true;
  EXPECT_THAT(LogOf([this] { life_.Up({.session_expiry_s = 0}); }), Not(HasSubstr("sessionExpiry")));
}

TEST_F(ConnectionLifeLogTest, NamesTheClientIdThatIsRefusedOrTakenOver) {
  options_.client_id = "sluice-0";
  EXPECT_THAT(LogOf([this] { life_.ConnectFailed("0x85", true); }), HasSubstr("\"client_id\":\"sluice-0\""));
  life_.Up({});
  EXPECT_THAT(LogOf([this] { life_.Lost("0x8E", reason::kSessionTakenOver); }),
              HasSubstr("\"client_id\":\"sluice-0\""));
  options_.client_id = "";
  EXPECT_THAT(LogOf([this] { life_.Up({.assigned_client_id = "auto-17"}); }), HasSubstr("\"client_id\":\"auto-17\""));
}

TEST_F(ConnectionLifeLogTest, SaysWhatClosesAConnectionAgainAndAgain) {
  // Without MQTT 5's reasons, or a broker that uses them, a take-over shows as nothing but that.
  auto closed_soon = [this] {
    life_.Up({});
    return LogOf([this] { life_.Lost("closed by the broker", 0); });
  };
  EXPECT_THAT(closed_soon(), Not(HasSubstr("another client")));
  EXPECT_THAT(closed_soon(), Not(HasSubstr("another client")));
  EXPECT_THAT(closed_soon(), HasSubstr("another client"));
  life_.Up({});
  clock_.Advance(Millis{10'000});
  EXPECT_THAT(LogOf([this] { life_.Lost("closed by the broker", 0); }), Not(HasSubstr("another client")));
  EXPECT_THAT(closed_soon(), Not(HasSubstr("another client")));
}

}  // namespace
}  // namespace sluice
