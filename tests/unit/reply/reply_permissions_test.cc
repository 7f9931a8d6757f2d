#include "server/reply/reply_permissions.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace sluice {
namespace {

class ReplyPermissionsTest : public ::testing::Test {
 protected:
  ReplyPermissionsTest() {
    here_.connection = "plant";
    here_.filter = "plant/+/temp";
    elsewhere_.connection = "cloud";
    elsewhere_.filter = "cloud/#";
  }
  std::string Why(const ReplyPermissions& permissions, const std::string& topic) {
    std::string why;
    const bool permitted = permissions.Permits(here_, topic, why);
    EXPECT_EQ(permitted, why.empty());
    return why;
  }
  Route here_;
  Route elsewhere_;
  std::vector<const Route*> routes_{&here_, &elsewhere_};
  std::map<std::string, std::string> brokers_{{"plant", "tcp://a:1883"}, {"cloud", "tcp://b:1883"}};
};

TEST_F(ReplyPermissionsTest, AllowsEverythingButDollarTopicsByDefault) {
  ReplyPermissions permissions({}, false, routes_, brokers_);
  EXPECT_EQ(Why(permissions, "anything/else"), "");
  EXPECT_NE(Why(permissions, "$SYS/broker"), "");
}

TEST_F(ReplyPermissionsTest, AllowsOnlyWhatAFilterMatchesWhenThereIsAList) {
  ReplyPermissions permissions({"plant/+/reply/#"}, false, routes_, brokers_);
  EXPECT_EQ(Why(permissions, "plant/a/reply/b"), "");
  EXPECT_NE(Why(permissions, "plant/a/other").find("replies.allow"), std::string::npos);
}

TEST_F(ReplyPermissionsTest, RefusesATopicThatARouteTakesInAgainAndNamesTheRoute) {
  here_.id = "temperature";
  ReplyPermissions permissions({}, false, routes_, brokers_);
  std::string why = Why(permissions, "plant/a/temp");
  EXPECT_NE(why.find("temperature"), std::string::npos);
  EXPECT_NE(why.find("replies.allowLoops"), std::string::npos);
}

TEST_F(ReplyPermissionsTest, AllowsLoopsWhenToldTo) {
  ReplyPermissions permissions({}, true, routes_, brokers_);
  EXPECT_EQ(Why(permissions, "plant/a/temp"), "");
}

TEST_F(ReplyPermissionsTest, ARouteOnAnotherBrokerMakesNoLoop) {
  ReplyPermissions permissions({}, false, routes_, brokers_);
  EXPECT_EQ(Why(permissions, "cloud/x"), "");
  brokers_["cloud"] = brokers_["plant"];
  EXPECT_NE(Why(ReplyPermissions({}, false, routes_, brokers_), "cloud/x"), "");
}

}  // namespace
}  // namespace sluice
