#include "server/route/subscription_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/route/route_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class SubscriptionPlanTest : public ::testing::Test {
 protected:
  std::vector<SubscriptionGroup> Plan(bool mqtt5, const std::vector<RouteSpec>& specs) {
    tables_.emplace_back();
    EXPECT_TRUE(BuildRoutes(specs, chains_, tables_.back()).ok());
    return PlanSubscriptions(tables_.back().RoutesOf("plant"), mqtt5);
  }
  std::vector<SubscriptionGroup> Plan(bool mqtt5, std::initializer_list<const char*> subscriptions) {
    std::vector<RouteSpec> specs;
    for (const char* subscription : subscriptions) specs.push_back(Spec(subscription));
    return Plan(mqtt5, specs);
  }
  static std::vector<std::string> Filters(const SubscriptionGroup& group) {
    std::vector<std::string> filters;
    for (const Subscription& each : group.Subscriptions()) filters.push_back(each.filter);
    return filters;
  }
  static std::map<std::string, uint32_t> Ids(const std::vector<SubscriptionGroup>& groups) {
    std::map<std::string, uint32_t> ids;
    for (const Subscription& each : groups.at(0).Subscriptions()) ids[each.filter] = each.id;
    return ids;
  }

  ChainDirectory chains_{ChainOptions{}};
  std::deque<RouteTable> tables_;
};

TEST_F(SubscriptionPlanTest, OfNoRoutesIsEmpty) {
  EXPECT_THAT(Plan(true, std::vector<RouteSpec>{}), SizeIs(0));
  EXPECT_THAT(Plan(false, std::vector<RouteSpec>{}), SizeIs(0));
}

TEST_F(SubscriptionPlanTest, Mqtt5TakesOneConnectionWithAnIdentifierEach) {
  const auto groups = Plan(true, {"a/#", "a/+", "$share/g/a/#", "b"});
  ASSERT_THAT(groups, SizeIs(1));
  EXPECT_THAT(Filters(groups[0]), ElementsAre("a/#", "a/+", "$share/g/a/#", "b"));
  std::set<uint32_t> ids;
  for (const Subscription& each : groups[0].Subscriptions()) {
    EXPECT_GE(each.id, 1u);
    EXPECT_LE(each.id, 268'435'455u);
    ids.insert(each.id);
  }
  EXPECT_THAT(ids, SizeIs(4));
}

TEST_F(SubscriptionPlanTest, RoutesOfOneSubscriptionShareItAtTheHighestQos) {
  for (bool mqtt5 : {true, false}) {
    RouteSpec low = Spec("a/#", "one", Qos::kAtMostOnce);
    low.id = "low";
    RouteSpec high = Spec("a/#", "two", Qos::kExactlyOnce);
    high.id = "high";
    RouteSpec middle = Spec("a/#", "three", Qos::kAtLeastOnce);
    middle.id = "middle";
    const auto groups = Plan(mqtt5, {low, high, middle});
    ASSERT_THAT(groups, SizeIs(1));
    ASSERT_THAT(groups[0].planned, SizeIs(1));
    EXPECT_EQ(groups[0].planned[0].subscription.qos, Qos::kExactlyOnce);
    EXPECT_THAT(groups[0].planned[0].routes, SizeIs(3));
  }
}

TEST_F(SubscriptionPlanTest, IdentifiersStayWithTheirSubscriptionWhateverElseIsConfigured) {
  const auto before = Ids(Plan(true, {"a/#", "b/#"}));
  const auto after = Ids(Plan(true, {"c/#", "b/#", "$share/g/a/#", "a/#"}));
  EXPECT_EQ(before.at("a/#"), after.at("a/#"));
  EXPECT_EQ(before.at("b/#"), after.at("b/#"));
  // They are part of what a persistent session keeps: also another version of the gateway must find the same.
  EXPECT_EQ(before.at("a/#"), 108'616'933u);
}

TEST_F(SubscriptionPlanTest, IdentifiersDifferAlsoWhereTheirHashesMeet) {
  // These two have the same hash.
  const auto ids = Ids(Plan(true, {"s/168092", "s/244560"}));
  EXPECT_EQ(ids.at("s/168092"), 96'042'413u);
  EXPECT_NE(ids.at("s/244560"), 96'042'413u);
  EXPECT_EQ(Ids(Plan(true, {"s/244560", "s/168092"})), ids);
}

TEST_F(SubscriptionPlanTest, Mqtt311KeepsFiltersThatDoNotOverlapTogether) {
  const auto groups = Plan(false, {"a/+", "b/#", "c"});
  ASSERT_THAT(groups, SizeIs(1));
  EXPECT_THAT(Filters(groups[0]), ElementsAre("a/+", "b/#", "c"));
  for (const Subscription& each : groups[0].Subscriptions()) EXPECT_EQ(each.id, 0u);
}

TEST_F(SubscriptionPlanTest, Mqtt311GivesOverlappingFiltersConnectionsOfTheirOwn) {
  const auto groups = Plan(false, {"a/#", "a/+", "b", "a/x", "$share/g/b"});
  ASSERT_THAT(groups, SizeIs(3));
  EXPECT_THAT(Filters(groups[0]), ElementsAre("a/#", "b"));
  EXPECT_THAT(Filters(groups[1]), ElementsAre("a/+", "$share/g/b"));
  EXPECT_THAT(Filters(groups[2]), ElementsAre("a/x"));
}

TEST_F(SubscriptionPlanTest, ARouteAddedAtTheEndMovesNoOther) {
  const auto before = Plan(false, {"a/#", "a/+", "b"});
  const auto after = Plan(false, {"a/#", "a/+", "b", "#"});
  ASSERT_THAT(after, SizeIs(3));
  EXPECT_EQ(Filters(before[0]), Filters(after[0]));
  EXPECT_EQ(Filters(before[1]), Filters(after[1]));
}

}  // namespace
}  // namespace sluice
