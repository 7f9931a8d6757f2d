#include "server/pressure/intake_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"
#include "tests/unit/pressure/pressure_support.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Remembers what it was told.
class ObedientIntake final : public IntakeConnection {
 public:
  void Start() override {}
  void Pause(std::string reason) override {
    paused = true;
    told.push_back("rest: " + reason);
  }
  void Resume() override {
    paused = false;
    told.emplace_back("go on");
  }
  void StayOut(std::vector<size_t> shared_subscriptions) override {
    out = std::move(shared_subscriptions);
    told.push_back("stay out of " + std::to_string(out.size()));
  }
  void Resubscribe(std::vector<Subscription> subscriptions) override {
    told.push_back("subscribe to " + std::to_string(subscriptions.size()));
  }
  bool UnsubscribeShared(SteadyTime /*deadline*/) override { return true; }
  void Stop(SteadyTime /*deadline*/) override {}
  ConnectionState State() const override { return {}; }

  bool paused = false;
  std::vector<size_t> out;
  std::vector<std::string> told;
};

class IntakeControlTest : public testing::Test {
 protected:
  IntakeControlTest() {
    control_.AddConnection("plant", intake_,
                           {.planned = {world_.Subscribe("own", {"a"}), world_.Subscribe("$share/g/a", {"a"})}});
    control_.AddConnection("office", other_, {.planned = {world_.Subscribe("$share/g/b", {"b"})}});
  }
  const Chain& a() { return world_.ChainOf("a"); }
  const Chain& b() { return world_.ChainOf("b"); }
  void Tick(Millis after) {
    clock_.Advance(after);
    next_ = control_.Tick(clock_.Now());
  }
  int64_t Gauge(const std::string& name, const std::string& connection = "plant") {
    return metrics_.GetGauge(name, "", {{"connection", connection}}).value();
  }
  uint64_t Counter(const std::string& name, const std::string& reason) {
    return metrics_.GetCounter(name, "", {{"connection", "plant"}, {"reason", reason}}).value();
  }
  // "[+] chain a: …", one for each item.
  std::vector<std::string> Readiness() {
    std::vector<std::string> lines;
    for (const ReadinessItem& item : control_.Readiness()) {
      lines.push_back((item.ready ? "[+] " : "[-] ") + item.name + ": " + item.detail);
    }
    return lines;
  }

  ManualClock clock_;
  MetricsRegistry metrics_;
  PressureWorld world_;
  ObedientIntake intake_;
  ObedientIntake other_;
  std::vector<SteadyTime> wakes_;
  IntakeControl control_{{.leave_share_after = Millis{30'000}, .no_workers_after = Millis{60'000}},
                         clock_,
                         metrics_,
                         [this](SteadyTime deadline) { wakes_.push_back(deadline); }};
  SteadyTime next_;
};

TEST_F(IntakeControlTest, CountsWorkersThatJoinedBeforeTheConnectionsOfTheirChain) {
  const Chain& late = world_.ChainOf("late");
  control_.OnWorkerJoined(1, {&late});
  control_.OnWorkerJoined(2, {&late, &a()});
  ObedientIntake intake;
  control_.AddConnection("late", intake, {.planned = {world_.Subscribe("$share/g/late", {"late"})}});
  control_.OnWorkerLeft(2);
  EXPECT_EQ(metrics_.GetGauge("sluice_chain_workers", "", {{"chain", "late"}}).value(), 1);
  Tick(Millis(60'001));
  EXPECT_THAT(intake.out, IsEmpty());

  control_.OnWorkerLeft(1);
  EXPECT_EQ(metrics_.GetGauge("sluice_chain_workers", "", {{"chain", "late"}}).value(), 0);
  Tick(Millis(60'001));
  EXPECT_THAT(intake.out, ElementsAre(0));
  control_.Stop();
}

TEST_F(IntakeControlTest, AnOperatorsDrainStopsIntakeAndLeavesSharedFilters) {
  control_.Drain("drained by unix:0", /*leave_shared=*/true);
  EXPECT_THAT(intake_.told, ElementsAre("stay out of 1", "rest: drained by unix:0"));
  EXPECT_THAT(intake_.out, ElementsAre(1)) << "its own filter stays in the session";
  EXPECT_EQ(Counter("sluice_intake_pauses_total", "drained"), 1u);
  control_.OnQueue(a(), true);
  control_.OnQueue(a(), false);
  EXPECT_TRUE(intake_.paused) << "whatever else comes and goes";

  ObedientIntake late;
  control_.AddConnection("late", late, {.planned = {world_.Subscribe("$share/g/late", {"late"})}});
  EXPECT_TRUE(late.paused);

  control_.Undrain();
  EXPECT_FALSE(intake_.paused);
  EXPECT_FALSE(late.paused);
  EXPECT_THAT(intake_.out, IsEmpty());
  EXPECT_EQ(Gauge("sluice_shared_filters_left"), 0);
  control_.Stop();
}

TEST_F(IntakeControlTest, ADrainOfTheOnlyReplicaKeepsSharedFilters) {
  control_.Drain("drained", /*leave_shared=*/false);
  EXPECT_TRUE(intake_.paused);
  EXPECT_THAT(intake_.out, IsEmpty());
  control_.Stop();
}

TEST_F(IntakeControlTest, TellsEachChangeOnce) {
  control_.OnQueue(a(), true);
  control_.OnQueue(a(), true);
  EXPECT_EQ(Gauge("sluice_intake_paused"), 1);
  control_.OnQueue(a(), false);
  control_.OnQueue(a(), false);
  EXPECT_EQ(Gauge("sluice_intake_paused"), 0);
  EXPECT_THAT(intake_.told, ElementsAre("rest: the queue of chain 'a' is full", "go on"));
  EXPECT_THAT(other_.told, IsEmpty());
  EXPECT_EQ(Counter("sluice_intake_pauses_total", "queue_full"), 1u);
}

TEST_F(IntakeControlTest, SaysTheNewReasonWhenThatChanges) {
  std::string failure;
  control_.WatchJournal(
      {.watermark = Watermark({}, 90, 75), .held = [] { return Fill(); }, .failure = [&failure] { return failure; }});
  control_.OnQueue(a(), true);
  failure = "disk full";
  Tick(Millis{100});
  failure = "";
  Tick(Millis{100});
  EXPECT_THAT(intake_.told,
              ElementsAre("rest: the queue of chain 'a' is full", "rest: the journal cannot be written: disk full",
                          "rest: the queue of chain 'a' is full"));
  EXPECT_THAT(other_.told, ElementsAre("rest: the journal cannot be written: disk full", "go on"));
  EXPECT_EQ(Counter("sluice_intake_pauses_total", "journal_fails"), 1u);
}

TEST_F(IntakeControlTest, AsksToBeWokenForTheGracePeriodAndLeavesThen) {
  control_.OnWorkerJoined(1, {&a(), &b()});
  control_.OnQueue(a(), true);
  ASSERT_FALSE(wakes_.empty());
  EXPECT_EQ(wakes_.back(), clock_.Now() + Millis{30'000});
  Tick(Millis{29'999});
  EXPECT_THAT(intake_.out, IsEmpty());
  Tick(Millis{1});
  EXPECT_THAT(intake_.out, ElementsAre(1));
  EXPECT_TRUE(intake_.paused);
  EXPECT_EQ(Gauge("sluice_shared_filters_left"), 1);
  EXPECT_EQ(Counter("sluice_shared_filter_leaves_total", "resting"), 1u);
  control_.OnQueue(a(), false);
  EXPECT_THAT(intake_.out, IsEmpty());
  EXPECT_FALSE(intake_.paused);
  EXPECT_EQ(Gauge("sluice_shared_filters_left"), 0);
}

TEST_F(IntakeControlTest, AChainWithoutWorkersLeavesItsSharesUntilOneComes) {
  Tick(Millis{0});
  EXPECT_EQ(next_, clock_.Now() + Millis{60'000}) << "also when none was ever there";
  control_.OnWorkerJoined(7, {&b()});
  Tick(Millis{60'000});
  EXPECT_THAT(intake_.out, ElementsAre(1));
  EXPECT_FALSE(intake_.paused) << "its private filter goes on";
  EXPECT_THAT(other_.told, IsEmpty());
  EXPECT_EQ(Counter("sluice_shared_filter_leaves_total", "no_workers"), 1u);
  control_.OnWorkerJoined(8, {&a()});
  EXPECT_THAT(intake_.out, IsEmpty());
  EXPECT_THAT(intake_.told, ElementsAre("stay out of 1", "stay out of 0"));
}

TEST_F(IntakeControlTest, CountsTheStreamsOfAChain) {
  auto workers = [this](const char* chain) {
    return metrics_.GetGauge("sluice_chain_workers", "", {{"chain", chain}}).value();
  };
  control_.OnWorkerJoined(1, {&a(), &b(), &world_.ChainOf("of no route")});
  control_.OnWorkerJoined(2, {&a()});
  EXPECT_EQ(workers("a"), 2);
  EXPECT_EQ(workers("b"), 1);
  control_.OnWorkerLeft(1);  // Drained, and then gone.
  control_.OnWorkerLeft(1);
  control_.OnWorkerLeft(99);
  EXPECT_EQ(workers("a"), 1);
  EXPECT_EQ(workers("b"), 0);
}

TEST_F(IntakeControlTest, CountsTheStreamsOfAnExpectedChainThatNoFilterFeedsAlone) {
  const Chain& chain = world_.ChainOf("of templates");
  const auto workers = [this] {
    return metrics_.GetGauge("sluice_chain_workers", "", {{"chain", "of templates"}}).value();
  };
  control_.OnWorkerJoined(1, {&chain});
  control_.Expect(chain);
  EXPECT_EQ(workers(), 1);
  control_.OnWorkerJoined(2, {&chain});
  control_.Expect(chain);
  EXPECT_EQ(workers(), 2);
  control_.OnWorkerLeft(1);
  control_.OnWorkerLeft(2);
  EXPECT_EQ(workers(), 0);
}

TEST_F(IntakeControlTest, ShowsEachRung) {
  control_.OnWorkerJoined(1, {&a(), &b()});
  EXPECT_THAT(Readiness(), IsEmpty());
  control_.OnWorkerLeft(1);
  EXPECT_THAT(Readiness(), ElementsAre("[+] chain a: no worker is connected", "[+] chain b: no worker is connected"));
  Tick(Millis{60'000});
  control_.OnQueue(b(), true);
  EXPECT_THAT(Readiness(), ElementsAre("[+] chain a: no worker is connected; its shared filters are left to others",
                                       "[-] chain b: its queue is full; no worker is connected; its shared filters are "
                                       "left to others"));
  control_.OnWorkerJoined(2, {&a(), &b()});
  control_.OnQueue(b(), false);
  control_.OnBacklog(a(), true);
  EXPECT_THAT(Readiness(),
              ElementsAre("[+] chain a: its share of the journal is full: the connections that feed it rest"))
      << "the connections are what is not ready";
  EXPECT_EQ(Counter("sluice_intake_pauses_total", "backlog_full"), 1u);
  control_.OnBacklog(a(), false);
  EXPECT_THAT(Readiness(), IsEmpty());
}

TEST_F(IntakeControlTest, TellsNothingAfterStop) {
  control_.Stop();
  control_.OnQueue(a(), true);
  control_.OnWorkerJoined(1, {&a()});
  Tick(Millis{60'000});
  EXPECT_THAT(intake_.told, IsEmpty());
}

TEST_F(IntakeControlTest, RestsFromTheJournalsHighWatermarkToItsLowOne) {
  Fill held{.messages = 89, .bytes = 0};
  control_.WatchJournal({.watermark = Watermark({.messages = 100, .bytes = 0}, 90, 75),
                         .held = [&held] { return held; },
                         .failure = [] { return std::string(); }});
  Tick(Millis{0});
  EXPECT_FALSE(intake_.paused);
  EXPECT_EQ(next_, clock_.Now() + Millis{100}) << "it looks by itself";
  held.messages = 90;
  Tick(Millis{100});
  EXPECT_TRUE(intake_.paused && other_.paused);
  EXPECT_THAT(Readiness(), testing::Contains("[-] journal space: at its high watermark: intake rests"));
  EXPECT_EQ(Counter("sluice_intake_pauses_total", "journal_full"), 1u);
  held.messages = 76;
  Tick(Millis{100});
  EXPECT_TRUE(intake_.paused);
  held.messages = 75;
  Tick(Millis{100});
  EXPECT_FALSE(intake_.paused || other_.paused);
}

TEST_F(IntakeControlTest, AChangedConnectionIsToldItsSubscriptionsAndWhatToStayOutOf) {
  control_.OnWorkerJoined(1, {&a()});
  Tick(Millis(60'001));
  EXPECT_THAT(other_.out, ElementsAre(0)) << "b has no worker";
  const PlannedSubscription first = world_.Subscribe("own", {"a"});
  const PlannedSubscription second = world_.Subscribe("$share/g/b", {"b"});
  control_.ChangeConnection("office", {.planned = {first, second}}, {first.subscription, second.subscription});
  EXPECT_THAT(other_.told, ElementsAre("stay out of 1", "subscribe to 2", "stay out of 1"));
  EXPECT_THAT(other_.out, ElementsAre(1)) << "it counts in the new ones";
  EXPECT_EQ(Gauge("sluice_shared_filters_left", "office"), 1);
  control_.ChangeConnection("office", {.planned = {first}}, {});
  EXPECT_THAT(other_.out, IsEmpty());
  EXPECT_THAT(Readiness(), IsEmpty()) << "nothing feeds b any more";
  control_.Stop();
}

TEST_F(IntakeControlTest, OneThatGoesIsToldNothingMoreAndItsPlaceIsTakenByTheNext) {
  control_.OnWorkerJoined(1, {&a()});
  control_.RemoveConnection("office");
  control_.RemoveConnection("nobody");
  Tick(Millis(60'001));
  EXPECT_THAT(other_.told, IsEmpty());
  EXPECT_THAT(Readiness(), IsEmpty()) << "nothing feeds b any more";

  control_.OnQueue(b(), true);
  ObedientIntake next;
  control_.AddConnection("office", next, {.planned = {world_.Subscribe("own", {"b"})}});
  EXPECT_THAT(next.told, ElementsAre("rest: the queue of chain 'b' is full")) << "as it is when it comes";
  EXPECT_THAT(intake_.told, IsEmpty());
  control_.OnQueue(b(), false);
  EXPECT_FALSE(next.paused);
  control_.Stop();
}

TEST_F(IntakeControlTest, OtherTimesHoldFromThenOn) {
  Tick(Millis(30'000));
  EXPECT_THAT(intake_.out, IsEmpty());
  control_.SetOptions({.leave_share_after = Millis{30'000}, .no_workers_after = Millis{20'000}},
                      Watermark({.messages = 0, .bytes = 0}, 90, 75));
  EXPECT_THAT(intake_.out, ElementsAre(1));
  control_.Stop();
}

}  // namespace
}  // namespace sluice
