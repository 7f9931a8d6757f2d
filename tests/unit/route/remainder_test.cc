#include "server/route/remainder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/message/topic_matcher.h"
#include "tests/unit/route/route_fixture.h"

namespace sluice {
namespace {

class RemainderOfTest : public testing::Test {
 protected:
  RemainderOfTest() {
    EXPECT_TRUE(BuildRoutes(std::vector<RouteSpec>{Spec("$share/g/hall/#")}, chains_, table_).ok());
    prefixes_ = SharePrefixes(PlanSubscriptions(table_.RoutesOf("plant"), /*mqtt5=*/true).at(0));
  }
  std::string Guess(const std::string& topic, const std::string& subscription) {
    return RemainderOf(topic, SubscriptionId(subscription), prefixes_);
  }

  ChainDirectory chains_{ChainOptions{}};
  RouteTable table_;
  std::vector<std::string> prefixes_;
};

TEST_F(RemainderOfTest, IsAnyFilterThatTheTopicMatches) {
  for (const char* filter :
       {"plant/7/temp", "plant/+/temp", "+/+/+", "#", "plant/#", "plant/7/temp/#", "plant/+/#", "+/7/temp"}) {
    ASSERT_TRUE(FilterMatches(filter, "plant/7/temp"));
    EXPECT_EQ(Guess("plant/7/temp", filter), filter);
  }
  EXPECT_EQ(Guess("/a//", "/+//"), "/+//");
  EXPECT_EQ(Guess("$SYS/a", "$SYS/#"), "$SYS/#");
}

TEST_F(RemainderOfTest, MayBelongToAGroupThatIsStillKnown) {
  EXPECT_EQ(Guess("plant/7/temp", "$share/g/plant/+/temp"), "$share/g/plant/+/temp");
  EXPECT_EQ(Guess("plant/7/temp", "$share/another/plant/+/temp"), "");
}

TEST_F(RemainderOfTest, IsNothingThatTheTopicDoesNotMatch) {
  EXPECT_EQ(Guess("plant/7/temp", "hall/#"), "");
  EXPECT_EQ(Guess("$SYS/a", "#"), "");
}

TEST_F(RemainderOfTest, IsNotLookedForAmongTooMany) {
  EXPECT_EQ(Guess("0/1/2/3/4/5/6/7/8/9", "+/1/+/3/+/5/+/7/+/#"), "+/1/+/3/+/5/+/7/+/#");
  EXPECT_EQ(Guess("0/1/2/3/4/5/6/7/8/9/10", "#"), "");
}

}  // namespace
}  // namespace sluice
