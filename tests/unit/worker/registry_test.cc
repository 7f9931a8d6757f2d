#include "server/worker/registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

#include "server/worker/workers_config.h"
#include "tests/support/manual_clock.h"
#include "tests/support/worker_fakes.h"

namespace sluice {
namespace {

// Notes how it ended.
class SilentStream final : public Stream {
 public:
  void Wake() override {}
  void WriteFrame(rpc::Payload /*frame*/) override {}
  void ReadFrame() override {}
  void EndWith(const absl::Status& status) override { ended = status; }
  void Abort(const absl::Status& /*status*/) override {}

  std::optional<absl::Status> ended;
};

class RegistryTest : public testing::Test {
 protected:
  SessionRegistry Make(RegistryLimits limits = {}) {
    return SessionRegistry({.clock = clock_,
                            .source = source_,
                            .settles = settles_,
                            .gate = gate_,
                            .log_limit = log_limit_,
                            .admission = {.chains = chains_, .may_create = nullptr},
                            .metrics = WorkerMetrics(metrics_),
                            .limits = {},
                            .gateway = "gw-0",
                            .wake_by = [this](SteadyTime at) { woken_ = std::min(woken_, at); }},
                           limits, 0xabcdef12);
  }

  ManualClock clock_;
  MetricsRegistry metrics_;
  log::Limiter log_limit_{clock_};
  FakeDeliverySource source_;
  FakeSettleHandler settles_{source_};
  ReadGate gate_;
  ChainDirectory chains_{ChainOptions{}};
  SteadyTime woken_ = kNever;
};

TEST_F(RegistryTest, NamesSessionsApart) {
  SessionRegistry registry = Make();
  SilentStream stream;
  EXPECT_EQ((*registry.Open(stream, "p", "host"))->number(), "abcdef12-1");
  EXPECT_EQ((*registry.Open(stream, "p", "host"))->number(), "abcdef12-2");
}

TEST_F(RegistryTest, RefusesMoreStreamsThanItsMaximum) {
  SessionRegistry registry = Make({.max_streams = 2});
  SilentStream stream;
  std::shared_ptr<Session> first = *registry.Open(stream, "p", "host");
  ASSERT_TRUE(registry.Open(stream, "p", "host").ok());
  EXPECT_EQ(registry.Open(stream, "p", "host").status().code(), absl::StatusCode::kResourceExhausted);
  registry.Remove(*first);
  EXPECT_TRUE(registry.Open(stream, "p", "host").ok());
}

TEST_F(RegistryTest, NoAddressHasAllStreams) {
  SessionRegistry registry = Make({.max_streams = 4, .max_streams_per_principal = 2});
  SilentStream stream;
  const std::shared_ptr<Session> first = *registry.Open(stream, "10.0.0.7:1", "10.0.0.7");
  ASSERT_TRUE(registry.Open(stream, "10.0.0.7:2", "10.0.0.7").ok());
  const absl::Status third = registry.Open(stream, "10.0.0.7:3", "10.0.0.7").status();
  EXPECT_EQ(third.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(third.message(),
            "10.0.0.7 has 2 worker streams already, as many as it may have (workers.maxStreamsPerPrincipal)");
  EXPECT_TRUE(registry.Open(stream, "10.0.0.8:1", "10.0.0.8").ok());
  first->OnDone();
  registry.Remove(*first);
  EXPECT_TRUE(registry.Open(stream, "10.0.0.7:4", "10.0.0.7").ok());
}

TEST(WorkersConfig, LeavesATenthOfAllStreamsToOthers) {
  EXPECT_EQ(MostStreamsPerPrincipal({}), 900u);
  EXPECT_EQ(MostStreamsPerPrincipal({.max_streams = 2}), 2u);
  EXPECT_EQ(MostStreamsPerPrincipal({.max_streams = 2, .max_streams_per_principal = 1}), 1u);
}

TEST_F(RegistryTest, AWorkerThatIsRefusedInALoopDoesNotFloodTheLog) {
  SessionRegistry registry = Make({.max_streams = 0});
  SilentStream stream;
  testing::internal::CaptureStderr();
  for (int i = 0; i < 10'000; ++i) EXPECT_FALSE(registry.Open(stream, "greedy", "host").ok());
  clock_.Advance(Millis(100));
  EXPECT_FALSE(registry.Open(stream, "greedy", "host").ok());
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(metrics_.GetCounter("sluice_worker_streams_refused_total", "").value(), 10'001);
  EXPECT_EQ(std::ranges::count(log, '\n'), 50 + 2) << "a burst, then how many were left out, and one more";
  EXPECT_NE(log.find("greedy"), std::string::npos);
  EXPECT_NE(log.find("9950"), std::string::npos) << log;
}

TEST_F(RegistryTest, RefusesStreamsWhenItHasDrainedOrEnded) {
  SessionRegistry registry = Make();
  SilentStream stream;
  std::shared_ptr<Session> session = *registry.Open(stream, "p", "host");
  registry.DrainAll(clock_.Now() + Millis(1'000), "shutting down");
  session->OnWake();
  EXPECT_EQ(stream.ended->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(registry.Open(stream, "p", "host").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(registry.WaitEmpty(SteadyTime{}));
  registry.Remove(*session);
  EXPECT_TRUE(registry.WaitEmpty(SteadyTime{}));
}

TEST_F(RegistryTest, TicksSessionsOnlyWhenSomethingIsDue) {
  SessionRegistry registry = Make();
  SilentStream stream;
  EXPECT_EQ(registry.Tick(clock_.Now()), kNever);
  std::shared_ptr<Session> session = *registry.Open(stream, "p", "host");
  SteadyTime due = clock_.Now() + Millis(10'000);
  EXPECT_EQ(woken_, due) << "the ticker is asked for a tick when Hello is overdue";
  EXPECT_EQ(registry.Tick(clock_.Now()), due);
  clock_.Advance(Millis(10'000));
  registry.Tick(clock_.Now());
  session->OnWake();
  EXPECT_EQ(stream.ended->code(), absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace sluice
