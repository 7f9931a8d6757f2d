#include "client/cpp/src/lease_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

namespace sluice::client {
namespace {

using ::testing::ElementsAre;
using State = HeldDelivery::State;

const SteadyTime kStart{std::chrono::hours(1)};

std::shared_ptr<HeldGroup> Group(const std::vector<std::pair<uint64_t, Millis>>& deliveries) {
  auto group = std::make_shared<HeldGroup>();
  group->size = deliveries.size();
  group->deliveries = std::make_unique<HeldDelivery[]>(deliveries.size());
  for (size_t i = 0; i < deliveries.size(); ++i) {
    group->deliveries[i].id = deliveries[i].first;
    group->deliveries[i].lease = deliveries[i].second;
  }
  return group;
}

std::vector<uint64_t> Ids(const std::vector<LeaseKeeper::Extension>& extensions) {
  std::vector<uint64_t> ids;
  for (const auto& extension : extensions) ids.push_back(extension.delivery_id);
  return ids;
}

TEST(LeaseKeeperTest, ExtendsAtHalfTheLeaseAgainAndAgain) {
  LeaseKeeper keeper;
  keeper.Add(Group({{1, Millis(1000)}}), kStart);
  EXPECT_EQ(keeper.Next(), kStart + Millis(500));
  EXPECT_TRUE(keeper.TakeDue(kStart + Millis(499)).empty());
  EXPECT_THAT(Ids(keeper.TakeDue(kStart + Millis(500))), ElementsAre(1));
  EXPECT_EQ(keeper.Next(), kStart + Millis(1000));
  EXPECT_THAT(Ids(keeper.TakeDue(kStart + Millis(1100))), ElementsAre(1));
  EXPECT_EQ(keeper.Next(), kStart + Millis(1600));
}

TEST(LeaseKeeperTest, AsksForTheLeaseTheDeliveryCameWith) {
  LeaseKeeper keeper;
  keeper.Add(Group({{1, Millis(1000)}, {2, Millis(4000)}}), kStart);
  const auto extensions = keeper.TakeDue(kStart + Millis(500));
  ASSERT_EQ(extensions.size(), 2U);
  EXPECT_EQ(extensions[0].lease, Millis(1000));
  EXPECT_EQ(extensions[1].lease, Millis(4000));
}

TEST(LeaseKeeperTest, LeavesOutWhatIsSettled) {
  LeaseKeeper keeper;
  const auto group = Group({{1, Millis(1000)}, {2, Millis(1000)}});
  keeper.Add(group, kStart);
  group->deliveries[0].state = State::kDone;
  EXPECT_THAT(Ids(keeper.TakeDue(kStart + Millis(500))), ElementsAre(2));
}

TEST(LeaseKeeperTest, WaitsForTheShortestLeaseThatIsStillHeld) {
  LeaseKeeper keeper;
  const auto group = Group({{1, Millis(1000)}, {2, Millis(8000)}});
  keeper.Add(group, kStart);
  EXPECT_EQ(keeper.Next(), kStart + Millis(500));
  group->deliveries[0].state = State::kDone;
  EXPECT_THAT(Ids(keeper.TakeDue(kStart + Millis(500))), ElementsAre(2));
  EXPECT_EQ(keeper.Next(), kStart + Millis(4500));
}

TEST(LeaseKeeperTest, ExtendsNothingThatIsLost) {
  LeaseKeeper keeper;
  const auto group = Group({{1, Millis(1000)}});
  keeper.Add(group, kStart);
  keeper.MarkLost(1);
  EXPECT_EQ(group->deliveries[0].state, State::kLost);
  EXPECT_TRUE(keeper.TakeDue(kStart + Millis(500)).empty());
  EXPECT_EQ(keeper.Next(), kNever);
}

TEST(LeaseKeeperTest, TellsOnceWhatHandlersHaveBegunAndExtendsNothingElse) {
  LeaseKeeper keeper;
  keeper.TellBegun();
  const auto group = Group({{1, Millis(1000)}, {2, Millis(1000)}, {3, Millis(1000)}});
  keeper.Add(group, kStart);
  EXPECT_TRUE(keeper.TakeBegun(kStart).empty());
  EXPECT_TRUE(keeper.TakeDue(kStart + Millis(500)).empty());
  group->deliveries[0].state = State::kRunning;
  group->deliveries[2].state = State::kDone;
  EXPECT_THAT(keeper.TakeBegun(kStart + Millis(600)), ElementsAre(1));
  EXPECT_TRUE(keeper.TakeBegun(kStart + Millis(700)).empty());
  EXPECT_THAT(Ids(keeper.TakeDue(kStart + Millis(1000))), ElementsAre(1));
}

TEST(LeaseKeeperTest, KnowsWhatRunsAndSinceWhen) {
  LeaseKeeper keeper;
  const auto group = Group({{1, Millis(1000)}, {2, Millis(1000)}});
  keeper.Add(group, kStart);
  EXPECT_EQ(keeper.GetRunning().count, 0U);
  for (size_t i = 0; i < 2; ++i) {
    group->deliveries[i].state = State::kRunning;
    keeper.TakeBegun(kStart + Millis(100 * static_cast<int>(i)));
  }
  EXPECT_EQ(keeper.GetRunning().count, 2U);
  EXPECT_EQ(keeper.GetRunning().youngest, kStart + Millis(100));
  group->deliveries[1].state = State::kDone;
  EXPECT_EQ(keeper.GetRunning().youngest, kStart);
}

TEST(LeaseKeeperTest, LosesWhatWaitsAndWhatRunsOnce) {
  LeaseKeeper keeper;
  const auto group = Group({{1, Millis(1000)}, {2, Millis(1000)}});
  keeper.Add(group, kStart);
  group->deliveries[1].state = State::kRunning;
  EXPECT_EQ(keeper.MarkLost(1), &group->deliveries[0]);
  EXPECT_EQ(keeper.MarkLost(2), &group->deliveries[1]);
  EXPECT_EQ(keeper.MarkLost(2), nullptr);
  EXPECT_EQ(keeper.MarkLost(3), nullptr);
}

TEST(LeaseKeeperTest, StopsExtendingWhatItIsToldTo) {
  LeaseKeeper keeper;
  keeper.Add(Group({{1, Millis(1000)}, {2, Millis(1000)}}), kStart);
  keeper.StopExtending(1);
  EXPECT_THAT(Ids(keeper.TakeDue(kStart + Millis(500))), ElementsAre(2));
}

TEST(LeaseKeeperTest, KeepsADoneDeliveryDoneWhenItsLossIsTold) {
  LeaseKeeper keeper;
  const auto group = Group({{1, Millis(1000)}});
  keeper.Add(group, kStart);
  group->deliveries[0].state = State::kDone;
  keeper.MarkLost(1);
  EXPECT_EQ(group->deliveries[0].state, State::kDone);
}

TEST(LeaseKeeperTest, ForgetsAGroupThatIsThrough) {
  LeaseKeeper keeper;
  const auto group = Group({{1, Millis(1000)}});
  keeper.Add(group, kStart);
  keeper.Add(Group({{2, Millis(2000)}}), kStart);
  keeper.Remove(group.get());
  keeper.Remove(group.get());
  EXPECT_EQ(keeper.Next(), kStart + Millis(1000));
  EXPECT_EQ(group.use_count(), 1);
}

TEST(LeaseKeeperTest, ExtendsNothingWithoutALease) {
  LeaseKeeper keeper;
  keeper.Add(Group({{1, Millis(0)}}), kStart);
  EXPECT_EQ(keeper.Next(), kNever);
}

}  // namespace
}  // namespace sluice::client
