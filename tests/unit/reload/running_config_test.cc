#include "server/reload/running_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RunningConfigTest : public testing::Test {
 protected:
  RunningConfigTest() { running_.Open(); }

  // What the file says from now on.
  void Write(const std::string& level, const std::string& hash) {
    file_ = {};
    file_.config.log.level = level;
    file_.hash = hash;
    file_.shown = "log: {level: " + level + "}";
  }
  int64_t Gauge(const char* name) { return metrics_.GetGauge(name, "").value(); }

  ManualClock clock_;
  MetricsRegistry metrics_;
  LoadResult file_;
  std::vector<std::string> carried_;  // The levels.
  std::set<std::string> remade_;
  absl::Status carry_ = absl::OkStatus();
  RunningConfig running_{GatewayConfig{},
                         {.name = "gw.yaml",
                          .hash = "00000000000a",
                          .shown = "first",
                          .load =
                              [this](const std::optional<ConfigText>& text, std::span<const Addition> /*additions*/) {
                                if (text) Write(text->text, "00000000000c");
                                return file_;
                              }},
                         [this](const GatewayConfig& wanted, const ReloadPlan& plan) {
                           remade_ = plan.remade;
                           if (carry_.ok()) carried_.push_back(wanted.log.level);
                           return carry_;
                         },
                         clock_,
                         metrics_};
};

TEST_F(RunningConfigTest, BeginsWithTheOneOfTheStart) {
  EXPECT_EQ(running_.version().hash, "00000000000a");
  EXPECT_EQ(running_.version().source, "gw.yaml (start)");
  EXPECT_EQ(running_.Show().yaml, "first");
  EXPECT_EQ(Gauge("sluice_config_hash"), 10);
  EXPECT_EQ(Gauge("sluice_config_last_reload_success"), 1);
}

TEST_F(RunningConfigTest, MakesAConnectionAnewAndChangesNothingElse) {
  file_.config.connections["plant"] = {.name = "plant"};
  file_.hash = "00000000000b";
  ASSERT_TRUE(running_.Apply(std::nullopt, "SIGHUP", "").ok());
  ASSERT_TRUE(running_.Reconnect("plant", "admin").ok());
  EXPECT_THAT(remade_, ElementsAre("plant"));
  EXPECT_EQ(running_.version().hash, "00000000000b");
  const absl::Status unknown = running_.Reconnect("plnt", "admin");
  EXPECT_TRUE(absl::IsNotFound(unknown));
  EXPECT_THAT(unknown.message(), HasSubstr("there are: plant"));
  running_.Close();
  EXPECT_TRUE(absl::IsUnavailable(running_.Reconnect("plant", "admin")));
}

TEST_F(RunningConfigTest, TakesTheFileAsItIsNow) {
  Write("debug", "00000000000b");
  clock_.Advance(Millis(60'000));
  const absl::StatusOr<ConfigProposal> applied = running_.Apply(std::nullopt, "SIGHUP", "");
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_THAT(carried_, ElementsAre("debug"));
  EXPECT_EQ(running_.config()->log.level, "debug");
  EXPECT_EQ(running_.version(), applied->running);
  EXPECT_EQ(running_.version().source, "gw.yaml (SIGHUP)");
  EXPECT_EQ(running_.version().unix_ms, clock_.UnixMillis());
  EXPECT_EQ(running_.Show().yaml, "log: {level: debug}");
  EXPECT_EQ(Gauge("sluice_config_hash"), 11);
  EXPECT_EQ(Gauge("sluice_config_last_reload_success_timestamp_seconds"), clock_.UnixMillis() / 1'000);
}

TEST_F(RunningConfigTest, AFileThatIsWrongChangesNothingAndIsToldEverywhere) {
  Write("debug", "00000000000b");
  file_.errors = {{.file = "gw.yaml", .line = 3, .column = 1, .message = "is wrong"},
                  {.file = "gw.yaml", .line = 4, .column = 2, .message = "too"}};
  const absl::Status status = running_.Apply(std::nullopt, "SIGHUP", "").status();
  EXPECT_EQ(status, absl::InvalidArgumentError("gw.yaml:3:1: is wrong\ngw.yaml:4:2: too"));
  EXPECT_THAT(carried_, IsEmpty());
  EXPECT_EQ(running_.version().hash, "00000000000a");
  EXPECT_EQ(Gauge("sluice_config_last_reload_success"), 0);
  EXPECT_EQ(Gauge("sluice_config_hash"), 10);
  EXPECT_THAT(running_.Describe(), HasSubstr("the last change was refused: gw.yaml:3:1: is wrong"));

  file_.errors.clear();
  EXPECT_TRUE(running_.Apply(std::nullopt, "SIGHUP", "").ok());
  EXPECT_EQ(Gauge("sluice_config_last_reload_success"), 1);
  EXPECT_THAT(running_.Describe(), testing::Not(HasSubstr("refused")));
}

TEST_F(RunningConfigTest, WhatNeedsARestartIsRefusedAsAWhole) {
  Write("debug", "00000000000b");
  file_.config.journal.path = "/elsewhere";
  const absl::Status status = running_.Apply(std::nullopt, "SIGHUP", "").status();
  EXPECT_EQ(status, absl::FailedPreconditionError("journal (path): is read at the start only: restart the gateway"));
  EXPECT_THAT(carried_, IsEmpty());
  EXPECT_EQ(running_.config()->log.level, "info");
}

TEST_F(RunningConfigTest, AnErrorOnTheWayLeavesTheVersion) {
  Write("debug", "00000000000b");
  carry_ = absl::InternalError("cannot");
  EXPECT_EQ(running_.Apply(std::nullopt, "SIGHUP", "").status(), carry_);
  EXPECT_EQ(running_.version().hash, "00000000000a");
  EXPECT_EQ(running_.config()->log.level, "info");
}

TEST_F(RunningConfigTest, APlanChangesNothing) {
  Write("debug", "00000000000b");
  const absl::StatusOr<ConfigProposal> proposal = running_.Plan(std::nullopt);
  ASSERT_TRUE(proposal.ok());
  EXPECT_EQ(proposal->hash, "00000000000b");
  EXPECT_EQ(proposal->running.hash, "00000000000a");
  ASSERT_EQ(proposal->plan.changes.size(), 1u);
  EXPECT_THAT(carried_, IsEmpty());
  EXPECT_EQ(Gauge("sluice_config_last_reload_success"), 1);
}

TEST_F(RunningConfigTest, AVersionThatDoesNotRunAnyMoreIsNotReplaced) {
  Write("debug", "00000000000b");
  EXPECT_EQ(running_.Apply(std::nullopt, "admin", "00000000000f").status(),
            absl::AbortedError("version 00000000000a runs, not 00000000000f"));
  EXPECT_TRUE(running_.Apply(std::nullopt, "admin", "00000000000a").ok());
}

TEST_F(RunningConfigTest, ATextStandsInPlaceOfTheFile) {
  Write("debug", "00000000000b");
  ASSERT_TRUE(running_.Apply(ConfigText{.text = "error", .name = "sent.yaml"}, "admin", "").ok());
  EXPECT_EQ(running_.config()->log.level, "error");
  EXPECT_EQ(running_.version().source, "sent.yaml (admin)");
}

TEST_F(RunningConfigTest, TakesNothingOnceItIsClosed) {
  Write("debug", "00000000000b");
  running_.Close();
  EXPECT_EQ(running_.Apply(std::nullopt, "SIGHUP", "").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(carried_, IsEmpty());
}

}  // namespace
}  // namespace sluice
