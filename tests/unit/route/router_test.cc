// What a router hands on to which routes, and what it keeps of packet ids.
#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/route/router_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST_F(RouterTest, HandsAMessageToItsRoutesChainWithAllThatBelongsToIt) {
  ChainOptions ordered;
  ordered.order_by = {OrderBy::Kind::kLevel, 2};
  chains_.Define("temperature", ordered);
  Start(true, {Spec("plant/+/temp", "temperature:node3")});
  ASSERT_TRUE(Receive({Inbound({.topic = "plant/7/temp", .payload = "21.5"}, {IdOf("plant/+/temp")})}).ok());
  ASSERT_THAT(queue_.messages, SizeIs(1));
  const RoutedMessage& routed = queue_.messages[0];
  EXPECT_EQ(routed.message->topic, "plant/7/temp");
  EXPECT_EQ(routed.message->payload, "21.5");
  EXPECT_EQ(routed.route->id, "plant/+/temp");
  EXPECT_EQ(routed.chain, chains_.Find("temperature"));
  EXPECT_EQ(routed.start_node, "node3");
  EXPECT_EQ(routed.ordering_key, "7");
  EXPECT_EQ(routed.record, 1u);
  EXPECT_EQ(routed.attempts, 0u);
  EXPECT_NE(routed.id, MessageId{});
}

TEST_F(RouterTest, OneBatchIsOneAppendAndOneEnqueueInTheOrderReceived) {
  Start(false, {Spec("a/+")});
  ASSERT_TRUE(Receive({Inbound({.topic = "a/1"}), Inbound({.topic = "a/2"}), Inbound({.topic = "a/3"})}).ok());
  EXPECT_THAT(journal_.batches(), ElementsAre(3));
  EXPECT_EQ(queue_.calls, 1);
  ASSERT_THAT(queue_.messages, SizeIs(3));
  EXPECT_EQ(queue_.messages[0].message->topic, "a/1");
  EXPECT_EQ(queue_.messages[2].message->topic, "a/3");
  EXPECT_NE(queue_.messages[0].id, queue_.messages[1].id);
}

TEST_F(RouterTest, CountsWhatItReceivesByQosAndWhatItRoutesByRoute) {
  Start(false, {Spec("a"), Spec("b")});
  ASSERT_TRUE(Receive({Inbound({.topic = "a", .qos = Qos::kAtMostOnce}), Inbound({.topic = "b"}),
                       Inbound({.topic = "b", .qos = Qos::kExactlyOnce})})
                  .ok());
  EXPECT_EQ(Received("0"), 1u);
  EXPECT_EQ(Received("1"), 1u);
  EXPECT_EQ(Received("2"), 1u);
  EXPECT_EQ(Routed("a"), 1u);
  EXPECT_EQ(Routed("b"), 2u);
}

// ---- overlapping subscriptions

TEST_F(RouterTest, OverlappingRoutesGetAMessageOnceWhenTheBrokerSendsACopyForEach) {
  Start(true, {Spec("a/#", "all"), Spec("a/+", "some")});
  ASSERT_TRUE(Receive({Inbound({.topic = "a/b"}, {IdOf("a/#")}), Inbound({.topic = "a/b"}, {IdOf("a/+")})}).ok());
  EXPECT_THAT(queue_.Routes(), UnorderedElementsAre("a/#", "a/+"));
}

TEST_F(RouterTest, OverlappingRoutesGetAMessageOnceWhenTheBrokerSendsOneCopyForAll) {
  Start(true, {Spec("a/#", "all"), Spec("a/+", "some"), Spec("a/b", "none")});
  ASSERT_TRUE(Receive({Inbound({.topic = "a/b"}, {IdOf("a/+"), IdOf("a/#"), IdOf("a/+")})}).ok());
  EXPECT_THAT(queue_.Routes(), UnorderedElementsAre("a/#", "a/+"));
}

TEST_F(RouterTest, OverlappingRoutesOfMqtt311GetOneCopyOnEachConnection) {
  Start(false, {Spec("a/#", "all"), Spec("a/+", "some")});
  ASSERT_THAT(routers_, SizeIs(2));
  ASSERT_TRUE(Receive({Inbound({.topic = "a/b"})}, 0).ok());
  EXPECT_THAT(queue_.Routes(), ElementsAre("a/#"));
  ASSERT_TRUE(Receive({Inbound({.topic = "a/b"})}, 1).ok());
  EXPECT_THAT(queue_.Routes(), ElementsAre("a/#", "a/+"));
}

TEST_F(RouterTest, ASharedAndAPrivateSubscriptionToOneFilterAreTold) {
  Start(true, {Spec("$share/g/a", "shared"), Spec("a", "private")});
  ASSERT_TRUE(Receive({Inbound({.topic = "a"}, {IdOf("$share/g/a")})}).ok());
  EXPECT_THAT(queue_.Routes(), ElementsAre("$share/g/a"));
}

TEST_F(RouterTest, RoutesThatShareASubscriptionAllGetTheMessage) {
  RouteSpec one = Spec("a/#", "one");
  one.id = "one";
  RouteSpec two = Spec("a/#", "two");
  two.id = "two";
  Start(true, {one, Spec("b"), two});
  ASSERT_TRUE(Receive({Inbound({.topic = "a/b"}, {IdOf("a/#")})}).ok());
  EXPECT_THAT(queue_.Routes(), UnorderedElementsAre("one", "two"));
  EXPECT_NE(queue_.messages[0].id, queue_.messages[1].id);
}

// A filter that matches has, or had, a copy of its own.
TEST_F(RouterTest, AMessageOfASubscriptionThatIsGoneIsNoRoutes) {
  Start(true, {Spec("a/#")});
  ASSERT_TRUE(Receive({Inbound({.topic = "a/b"}, {IdOf("a/#") ^ 1}), Inbound({.topic = "a/c"})}).ok());
  ASSERT_THAT(queue_.Routes(), ElementsAre("a/#"));
  EXPECT_EQ(queue_.messages[0].message->topic, "a/c");
}

TEST_F(RouterTest, AMessageOfASubscriptionThatIsGoneGivesItAway) {
  Start(true, {Spec("$share/g/a/#")});
  EXPECT_THAT(routers_[0]->TakeRemainders(), IsEmpty());
  ASSERT_TRUE(Receive({Inbound({.topic = "b/c"}, {SubscriptionId("$share/g/b/+")}),
                       Inbound({.topic = "b/d"}, {SubscriptionId("$share/g/b/+")}),
                       Inbound({.topic = "b/d"}, {SubscriptionId("of nobody")})})
                  .ok());
  EXPECT_THAT(routers_[0]->TakeRemainders(), ElementsAre("$share/g/b/+"));
  EXPECT_THAT(routers_[0]->TakeRemainders(), IsEmpty());
}

TEST_F(RouterTest, AKnownIdentifierOutweighsOneThatIsGone) {
  Start(true, {Spec("a/#"), Spec("a/+")});
  ASSERT_TRUE(Receive({Inbound({.topic = "a/b"}, {7, IdOf("a/+")})}).ok());
  EXPECT_THAT(queue_.Routes(), ElementsAre("a/+"));
}

// ---- packet ids of QoS 2

TEST_F(RouterTest, JournalsThePacketIdsOfWhatItTakesIn) {
  Start(false, {Spec("a")});
  std::vector<InboundMessage> batch;
  batch.push_back(Inbound({.topic = "a", .qos = Qos::kExactlyOnce}));
  batch.back().packet_id = 7;
  batch.push_back(Inbound({.topic = "nobody's", .qos = Qos::kExactlyOnce}));
  batch.back().packet_id = 8;
  batch.push_back(Inbound({.topic = "a", .qos = Qos::kExactlyOnce, .properties = WithExpiry(0)}));
  batch.back().packet_id = 9;
  ASSERT_TRUE(routers_[0]->OnMessages(batch).ok());
  ASSERT_THAT(journal_.received, SizeIs(2)) << "what has expired may come twice";
  EXPECT_EQ(journal_.received[0].packet_id, 7u);
  EXPECT_THAT(routers_[0]->UnreleasedPackets(), ElementsAre(7, 8));
  ASSERT_TRUE(routers_[0]->OnReleased(std::vector<uint16_t>{7, 8}).ok());
  EXPECT_THAT(journal_.received, IsEmpty());
  EXPECT_THAT(routers_[0]->UnreleasedPackets(), IsEmpty());
}

TEST_F(RouterTest, KnowsThePacketIdsOfItsOwnSessionFromEarlierProcesses) {
  Start(false, {Spec("a")});
  std::vector<InboundMessage> batch;
  batch.push_back(Inbound({.topic = "a", .qos = Qos::kExactlyOnce}));
  batch.back().packet_id = 7;
  ASSERT_TRUE(routers_[0]->OnMessages(batch).ok());
  std::vector<ReceivedPacket> earlier = journal_.received;
  earlier.push_back({.session = "another's", .packet_id = 9});
  Router next(connection_, earlier, groups_[0], chains_, journal_, queue_, letters_, metrics_, clock_);
  EXPECT_THAT(next.UnreleasedPackets(), ElementsAre(7));

  MqttOptions other = connection_;
  other.client_id = "sluice-new";
  Router with_another_session(other, earlier, groups_[0], chains_, journal_, queue_, letters_, metrics_, clock_);
  EXPECT_THAT(with_another_session.UnreleasedPackets(), IsEmpty());
}

TEST_F(RouterTest, FreesAllPacketIdsWithTheSession) {
  Start(false, {Spec("a")});
  std::vector<InboundMessage> batch;
  for (uint16_t packet_id : {uint16_t{7}, uint16_t{8}}) {
    batch.push_back(Inbound({.topic = "a", .qos = Qos::kExactlyOnce}));
    batch.back().packet_id = packet_id;
  }
  ASSERT_TRUE(routers_[0]->OnMessages(batch).ok());
  journal_.FillDisk();
  EXPECT_FALSE(routers_[0]->OnSessionLost().ok());
  EXPECT_THAT(routers_[0]->UnreleasedPackets(), ElementsAre(7, 8)) << "to be tried again";
  journal_.FreeDisk();
  EXPECT_TRUE(routers_[0]->OnSessionLost().ok());
  EXPECT_THAT(journal_.received, IsEmpty());
}

TEST_F(RouterTest, TakesNewRoutesBetweenBatchesAndKnowsWhatStillComesForOldOnes) {
  Start(/*mqtt5=*/true, {Spec("old/#", "one"), Spec("same", "one")});
  const uint32_t old_id = IdOf("old/#");
  const SubscriptionGroup before = groups_.at(0);
  ASSERT_TRUE(table_.Replace(std::vector{Spec("new/#", "two"), Spec("same", "two")}, chains_).ok());
  SubscriptionGroup retired;
  retired.planned.push_back(before.planned.at(0));
  groups_ = PlanSubscriptions(table_.RoutesOf("plant"), true);
  routers_.at(0)->SetRoutes(groups_.at(0), retired);

  ASSERT_TRUE(Receive({Inbound({.topic = "new/x"}, {IdOf("new/#")}), Inbound({.topic = "old/x"}, {old_id}),
                       Inbound({.topic = "same"}, {IdOf("same")}), Inbound({.topic = "old/y"})})
                  .ok());
  EXPECT_THAT(queue_.Routes(), ElementsAre("new/#", "old/#", "same", "old/#"));
  EXPECT_EQ(queue_.messages.at(0).chain->name, "two");
  EXPECT_EQ(queue_.messages.at(1).chain->name, "one");
  EXPECT_EQ(queue_.messages.at(2).chain->name, "two");
  EXPECT_THAT(letters_.letters, IsEmpty());
}

TEST_F(RouterTest, WhereATopicIsMatchedARouteOfNowGoesBeforeOneThatWent) {
  Start(/*mqtt5=*/true, {Spec("t/+", "one")});
  const SubscriptionGroup before = groups_.at(0);
  ASSERT_TRUE(table_.Replace(std::vector{Spec("t/a", "two")}, chains_).ok());
  routers_.at(0)->SetRoutes(PlanSubscriptions(table_.RoutesOf("plant"), true).at(0), before);
  ASSERT_TRUE(Receive({Inbound({.topic = "t/a"}), Inbound({.topic = "t/b"})}).ok());
  EXPECT_THAT(queue_.Routes(), ElementsAre("t/a", "t/+"));
}

}  // namespace
}  // namespace sluice
