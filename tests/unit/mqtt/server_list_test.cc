#include "server/mqtt/server_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using testing::ElementsAre;

ServerList Three(bool follows = false) {
  return ServerList({.uri = "tcp://a:1", .more_uris = {"tcp://b:1", "tcp://c:1"}, .follow_server_reference = follows});
}

TEST(ServerList, TriesEachOnceBeforeAPause) {
  ServerList servers = Three();
  EXPECT_EQ(servers.current(), "tcp://a:1");
  EXPECT_TRUE(servers.Failed());
  EXPECT_EQ(servers.current(), "tcp://b:1");
  EXPECT_TRUE(servers.Failed());
  EXPECT_EQ(servers.current(), "tcp://c:1");
  EXPECT_FALSE(servers.Failed());
  EXPECT_EQ(servers.current(), "tcp://a:1");
  EXPECT_EQ(servers.place(), 1u);
}

TEST(ServerList, AfterAConnectionBeginsWithItsServerAndTriesAllAgain) {
  ServerList servers = Three();
  servers.Failed();
  servers.Up();
  EXPECT_EQ(servers.place(), 2u);
  EXPECT_TRUE(servers.Failed());
  EXPECT_TRUE(servers.Failed());
  EXPECT_FALSE(servers.Failed());
  EXPECT_EQ(servers.current(), "tcp://b:1");
}

TEST(ServerList, AnotherServerMayHaveAnotherSession) {
  ServerList servers = Three();
  EXPECT_TRUE(servers.changed()) << "an earlier process may have been elsewhere";
  servers.Up();
  EXPECT_FALSE(servers.changed());
  servers.Failed();
  EXPECT_TRUE(servers.changed());
  servers.Failed();
  servers.Failed();
  EXPECT_FALSE(servers.changed()) << "back without a connection in between";
}

TEST(ServerList, AnOnlyServerIsTheSameAlways) {
  ServerList servers({.uri = "tcp://a:1"});
  EXPECT_FALSE(servers.several());
  EXPECT_FALSE(servers.changed());
  EXPECT_FALSE(servers.Failed());
  EXPECT_FALSE(servers.Refer({"tcp://x:1"}));
  EXPECT_EQ(servers.current(), "tcp://a:1");
}

TEST(ServerList, GoesWhereABrokerSendsItAndBackToTheListWhereThatFails) {
  ServerList servers = Three(/*follows=*/true);
  EXPECT_FALSE(servers.Refer({}));
  EXPECT_FALSE(servers.Refer({"tcp://a:1"})) << "to itself";
  EXPECT_TRUE(servers.Refer({"tcp://a:1", "tcp://x:1"}));
  EXPECT_EQ(servers.current(), "tcp://x:1");
  EXPECT_EQ(servers.place(), 0u);
  EXPECT_TRUE(servers.Failed());
  EXPECT_EQ(servers.current(), "tcp://b:1");
  EXPECT_TRUE(servers.Refer({"tcp://c:1"}));
  EXPECT_EQ(servers.place(), 3u);
}

TEST(ServerList, FollowsOnlySoManyInARow) {
  ServerList servers = Three(/*follows=*/true);
  for (size_t i = 0; i < ServerList::kMostReferrals; ++i) {
    EXPECT_TRUE(servers.Refer({i % 2 == 0 ? "tcp://x:1" : "tcp://y:1"}));
    servers.Up();
  }
  EXPECT_FALSE(servers.Refer({"tcp://z:1"}));
  servers.Held();
  EXPECT_TRUE(servers.Refer({"tcp://z:1"}));
}

TEST(ServersOf, AreAllInTheirOrder) {
  EXPECT_THAT(ServersOf({.uri = "tcp://a:1", .more_uris = {"tcp://b:1"}}), ElementsAre("tcp://a:1", "tcp://b:1"));
}

}  // namespace
}  // namespace sluice
