#include "server/admin/broker_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/runtime/clock.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Each look at it is half the time that a broker may take.
class LeapingClock final : public Clock {
 public:
  SteadyTime Now() const override { return SteadyTime(now_ += BrokerSessions::kTimeout / 2); }
  int64_t UnixMillis() const override { return 0; }

 private:
  mutable Millis now_{0};
};

class BrokerSessionsTest : public testing::Test {
 protected:
  // Is done at once, or never.
  class FakeFarewell final : public SessionFarewell {
   public:
    explicit FakeFarewell(std::function<void()> ended) : ended_(std::move(ended)) {}
    void Start() override {
      if (ended_) ended_();
    }
    void Stop(SteadyTime /*deadline*/) override {}
    std::string Detail() const override { return "not authorized"; }

   private:
    const std::function<void()> ended_;  // None: it is refused.
  };

  static MqttOptions Own(const std::string& name, const std::string& uri, const std::string& client_id) {
    MqttOptions options;
    options.name = name;
    options.uri = uri;
    options.client_id = client_id;
    options.password = "secret";
    options.session_expiry_s = 60;
    return options;
  }
  absl::StatusOr<std::vector<EndedSession>> End(const std::string& gateway, const std::string& client_id = "",
                                                const std::string& connection = "") {
    used_.clear();
    BrokerSessions sessions(
        "edge-0",
        {Own("plant", "tcp://a:1883", "sluice-edge-0"), Own("plant#2", "tcp://a:1883", "sluice-edge-0-2"),
         Own("office", "tcp://b:1883", "edge-0"), Own("plant", "tcp://a:1883", "sluice-edge-0-replies")},
        [this](const MqttOptions& options, std::function<void()> ended) {
          used_.push_back(options);
          return std::make_unique<FakeFarewell>(options.uri == refuses_ ? nullptr : std::move(ended));
        },
        clock_);
    return sessions.EndSessions(gateway, client_id, connection);
  }
  std::vector<std::string> ClientIds() const {
    std::vector<std::string> ids;
    for (const MqttOptions& options : used_) ids.push_back(options.client_id);
    return ids;
  }

  LeapingClock clock_;
  std::string refuses_;
  std::vector<MqttOptions> used_;
};

TEST_F(BrokerSessionsTest, ConnectsAsEachClientOfTheOtherReplicaAndLeavesNoSession) {
  const auto sessions = End("edge-2");
  ASSERT_TRUE(sessions.ok()) << sessions.status();
  EXPECT_THAT(ClientIds(), ElementsAre("sluice-edge-2", "sluice-edge-2-2", "edge-2", "sluice-edge-2-replies"));
  for (const MqttOptions& options : used_) {
    EXPECT_TRUE(options.clean_session);
    EXPECT_EQ(options.session_expiry_s, 0u);
    EXPECT_EQ(options.password, "secret");
  }
  ASSERT_EQ(sessions->size(), 4u);
  EXPECT_EQ((*sessions)[1].connection, "plant");
  for (const EndedSession& session : *sessions) EXPECT_TRUE(session.ended);
}

TEST_F(BrokerSessionsTest, OneConnectionOrOneClientIdCanBeNamed) {
  ASSERT_TRUE(End("edge-2", "", "office").ok());
  EXPECT_THAT(ClientIds(), ElementsAre("edge-2"));
  ASSERT_TRUE(End("", "lost", "plant").ok());
  EXPECT_THAT(ClientIds(), ElementsAre("lost")) << "once for a broker";
  ASSERT_TRUE(End("", "lost").ok());
  EXPECT_THAT(ClientIds(), ElementsAre("lost", "lost"));
}

TEST_F(BrokerSessionsTest, NeverThrowsItselfOut) {
  EXPECT_EQ(End("edge-0").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(End("", "sluice-edge-0-2").status().message()), HasSubstr("of the replica that was asked"));
  EXPECT_THAT(ClientIds(), IsEmpty());
}

TEST_F(BrokerSessionsTest, SaysWhatItCannotTell) {
  EXPECT_EQ(End("edge-2", "", "nowhere").status().code(), absl::StatusCode::kNotFound);
  BrokerSessions fixed(
      "host", {Own("plant", "tcp://a:1883", "gw")}, [](const auto&, const auto&) { return nullptr; }, clock_);
  const auto sessions = fixed.EndSessions("other", "", "");
  EXPECT_EQ(sessions.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(sessions.status().message()), HasSubstr("does not hold this replica's name, 'host'"));
}

TEST_F(BrokerSessionsTest, ABrokerThatRefusesIsSaidAndTheOthersAreAsked) {
  refuses_ = "tcp://b:1883";
  const auto sessions = End("edge-2");
  ASSERT_TRUE(sessions.ok());
  EXPECT_TRUE((*sessions)[0].ended);
  EXPECT_FALSE((*sessions)[2].ended);
  EXPECT_EQ((*sessions)[2].detail, "not authorized");
  EXPECT_TRUE((*sessions)[3].ended);
}

}  // namespace
}  // namespace sluice
