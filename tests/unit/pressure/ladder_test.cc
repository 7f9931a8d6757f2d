#include "server/pressure/ladder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"
#include "tests/unit/pressure/pressure_support.h"

namespace sluice {
namespace {

using Rest = Ladder::Rest;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr Millis kRestsFor{30'000};
constexpr Millis kNoWorkersFor{60'000};

// Two connections. "plant" has, by index: 0 private to a, 1 shared to a, 2 shared to a and b, 3 shared by a template;
// "office" has 0 shared to b, and 1 shared to c at QoS 0.
class LadderTest : public testing::Test {
 protected:
  LadderTest() : LadderTest({.leave_share_after = kRestsFor, .no_workers_after = kNoWorkersFor}) {}
  explicit LadderTest(Ladder::Options options) : ladder_(options) {
    ladder_.AddConnection(
        {.planned = {world_.Subscribe("own", {"a"}), world_.Subscribe("$share/g/a", {"a"}),
                     world_.Subscribe("$share/g/ab", {"a", "b"}), world_.Subscribe("$share/g/t", {})}},
        clock_.Now());
    ladder_.AddConnection(
        {.planned = {world_.Subscribe("$share/g/b", {"b"}), world_.Subscribe("$share/g/c", {"c"}, Qos::kAtMostOnce)}},
        clock_.Now());
    Advance();
  }
  static constexpr size_t kPlant = 0;
  static constexpr size_t kOffice = 1;

  void Advance(Millis by = Millis{0}) {
    clock_.Advance(by);
    next_ = ladder_.Advance(clock_.Now());
  }
  void SetFull(const std::string& chain, bool full) {
    ladder_.SetQueueFull(world_.ChainOf(chain), full);
    Advance();
  }
  void SetBacklogFull(const std::string& chain, bool full) {
    ladder_.SetBacklogFull(world_.ChainOf(chain), full);
    Advance();
  }
  void SetWorkers(const std::string& chain, size_t count) {
    ladder_.SetWorkers(world_.ChainOf(chain), count, clock_.Now());
    Advance();
  }
  void WorkersEverywhere() {
    for (const char* chain : {"a", "b", "c"}) SetWorkers(chain, 1);
  }
  Rest RestOf(size_t connection) { return ladder_.order(connection).rest; }
  std::vector<size_t> LeftBy(size_t connection) {
    std::vector<size_t> left;
    for (const auto& each : ladder_.order(connection).left) left.push_back(each.subscription);
    return left;
  }

  ManualClock clock_;
  PressureWorld world_;
  Ladder ladder_;
  SteadyTime next_;
};

TEST_F(LadderTest, AFullQueueRestsTheConnectionsThatFeedIt) {
  WorkersEverywhere();
  SetFull("a", true);
  EXPECT_EQ(RestOf(kPlant), Rest::kQueueFull);
  EXPECT_EQ(ladder_.order(kPlant).reason, "the queue of chain 'a' is full");
  EXPECT_EQ(RestOf(kOffice), Rest::kNot);
  SetFull("a", false);
  EXPECT_EQ(RestOf(kPlant), Rest::kNot);
  EXPECT_EQ(ladder_.order(kPlant).reason, "");
}

TEST_F(LadderTest, GoesOnWhenTheLastFullQueueIsRelieved) {
  SetFull("a", true);
  SetFull("b", true);
  SetFull("a", false);
  EXPECT_EQ(RestOf(kPlant), Rest::kQueueFull);
  EXPECT_EQ(ladder_.order(kPlant).reason, "the queue of chain 'b' is full");
  SetFull("b", false);
  EXPECT_EQ(RestOf(kPlant), Rest::kNot);
}

TEST_F(LadderTest, ATemplateMayFeedTheChainThatIsFull) {
  SetFull("seen by no route", true);
  EXPECT_EQ(RestOf(kPlant), Rest::kQueueFull);
  EXPECT_EQ(RestOf(kOffice), Rest::kNot);
}

TEST_F(LadderTest, WhatIsFedAtQos0OnlyDoesNotRest) {
  SetFull("c", true);
  EXPECT_EQ(RestOf(kOffice), Rest::kNot) << "QoS 0 is dropped at the bound instead";
}

TEST_F(LadderTest, TheJournalRestsAllConnections) {
  ladder_.SetJournalFull(true);
  Advance();
  EXPECT_EQ(RestOf(kPlant), Rest::kJournalFull);
  EXPECT_EQ(RestOf(kOffice), Rest::kJournalFull);
  ladder_.SetJournalFailure("no space left on device");
  Advance();
  EXPECT_EQ(RestOf(kPlant), Rest::kJournalFails);
  EXPECT_EQ(ladder_.order(kPlant).reason, "the journal cannot be written: no space left on device");
  ladder_.SetJournalFailure("");
  ladder_.SetJournalFull(false);
  Advance();
  EXPECT_EQ(RestOf(kPlant), Rest::kNot);
}

TEST_F(LadderTest, AChainThatHasFilledItsShareOfTheJournalRestsTheConnectionsThatFeedIt) {
  WorkersEverywhere();
  SetBacklogFull("b", true);
  EXPECT_EQ(RestOf(kPlant), Rest::kBacklogFull);
  EXPECT_EQ(ladder_.order(kPlant).reason, "chain 'b' has filled its share of the journal");
  EXPECT_EQ(RestOf(kOffice), Rest::kBacklogFull);
  SetBacklogFull("a", true);
  SetBacklogFull("b", false);
  EXPECT_EQ(RestOf(kPlant), Rest::kBacklogFull);
  EXPECT_EQ(RestOf(kOffice), Rest::kNot);
  SetBacklogFull("a", false);
  EXPECT_EQ(RestOf(kPlant), Rest::kNot);
}

TEST_F(LadderTest, LeavesItsSharesWhenItHasRestedForAWhileAndComesBackWhenItGoesOn) {
  WorkersEverywhere();
  SetFull("a", true);
  EXPECT_EQ(next_, clock_.Now() + kRestsFor);
  Advance(kRestsFor - Millis{1});
  EXPECT_THAT(LeftBy(kPlant), IsEmpty());
  Advance(Millis{1});
  EXPECT_THAT(LeftBy(kPlant), ElementsAre(1, 2, 3));
  EXPECT_EQ(ladder_.order(kPlant).reason, "the queue of chain 'a' is full; its shared filters are left to others");
  EXPECT_THAT(LeftBy(kOffice), IsEmpty());
  EXPECT_EQ(next_, kNever);
  SetFull("a", false);
  EXPECT_THAT(LeftBy(kPlant), IsEmpty());
}

TEST_F(LadderTest, RestsOnWhenTheCauseChanges) {
  WorkersEverywhere();
  SetFull("a", true);
  Advance(kRestsFor / 2);
  ladder_.SetJournalFull(true);
  SetFull("a", false);
  EXPECT_EQ(RestOf(kPlant), Rest::kJournalFull);
  Advance(kRestsFor / 2);
  EXPECT_THAT(LeftBy(kPlant), ElementsAre(1, 2, 3));
  EXPECT_THAT(LeftBy(kOffice), IsEmpty()) << "it has rested for half as long";
}

TEST_F(LadderTest, CountsAnewWhenItRestsAnew) {
  WorkersEverywhere();
  SetFull("a", true);
  Advance(kRestsFor - Millis{1});
  SetFull("a", false);
  SetFull("a", true);
  Advance(kRestsFor - Millis{1});
  EXPECT_THAT(LeftBy(kPlant), IsEmpty());
}

TEST_F(LadderTest, ChainsThatNeverHadAWorkerLeaveTheirShares) {
  EXPECT_EQ(next_, clock_.Now() + kNoWorkersFor);
  Advance(kNoWorkersFor - Millis{1});
  EXPECT_THAT(LeftBy(kPlant), IsEmpty());
  Advance(Millis{1});
  EXPECT_THAT(LeftBy(kPlant), ElementsAre(1, 2)) << "neither private ones nor templates";
  EXPECT_THAT(LeftBy(kOffice), ElementsAre(0, 1));
  EXPECT_EQ(RestOf(kPlant), Rest::kNot);
}

TEST_F(LadderTest, LeavesOnlyWhatFeedsNothingButChainsWithoutWorkers) {
  WorkersEverywhere();
  SetWorkers("a", 0);
  Advance(kNoWorkersFor);
  EXPECT_THAT(LeftBy(kPlant), ElementsAre(1)) << "2 feeds b as well";
  EXPECT_THAT(LeftBy(kOffice), IsEmpty());
  EXPECT_EQ(ladder_.order(kPlant).left.front().why, Ladder::Leave::kNoWorkers);
}

TEST_F(LadderTest, ComesBackAtOnceWithTheFirstWorker) {
  Advance(kNoWorkersFor);
  SetWorkers("a", 1);
  EXPECT_THAT(LeftBy(kPlant), IsEmpty());
  EXPECT_THAT(LeftBy(kOffice), ElementsAre(0, 1));
}

TEST_F(LadderTest, CountsFromWhenTheLastWorkerLeft) {
  WorkersEverywhere();
  SetWorkers("a", 2);
  Advance(kNoWorkersFor);
  SetWorkers("a", 1);
  Advance(kNoWorkersFor);
  SetWorkers("a", 0);
  EXPECT_EQ(next_, clock_.Now() + kNoWorkersFor);
  SetWorkers("a", 0);
  Advance(kNoWorkersFor - Millis{1});
  EXPECT_THAT(LeftBy(kPlant), IsEmpty());
  Advance(Millis{1});
  EXPECT_THAT(LeftBy(kPlant), ElementsAre(1));
}

TEST_F(LadderTest, SaysWhatIsNotAsUsual) {
  WorkersEverywhere();
  EXPECT_THAT(ladder_.UnusualChains(), IsEmpty());
  SetWorkers("a", 0);
  Advance(kNoWorkersFor);
  SetWorkers("b", 0);
  SetFull("c", true);
  SetBacklogFull("d", true);
  const std::vector<Ladder::ChainState> states = ladder_.UnusualChains();
  ASSERT_EQ(states.size(), 4u);
  EXPECT_EQ(states[0].chain, "a");
  EXPECT_TRUE(states[0].no_workers && states[0].left && !states[0].full);
  EXPECT_EQ(states[1].chain, "b");
  EXPECT_TRUE(states[1].no_workers && !states[1].left && !states[1].full);
  EXPECT_EQ(states[2].chain, "c");
  EXPECT_TRUE(!states[2].no_workers && !states[2].left && states[2].full);
  EXPECT_EQ(states[3].chain, "d");
  EXPECT_TRUE(states[3].backlog_full && !states[3].full);
}

class LadderThatStaysTest : public LadderTest {
 protected:
  LadderThatStaysTest() : LadderTest(Ladder::Options{}) {}
};

TEST_F(LadderThatStaysTest, NeverLeavesAnything) {
  SetFull("a", true);
  EXPECT_EQ(next_, kNever);
  Advance(Millis{std::chrono::hours{24}});
  EXPECT_EQ(RestOf(kPlant), Rest::kQueueFull);
  EXPECT_THAT(LeftBy(kPlant), IsEmpty());
  EXPECT_THAT(LeftBy(kOffice), IsEmpty());
}

}  // namespace
}  // namespace sluice
