#include <gmock/gmock.h>

#include <memory>
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

// ---- what is not taken

TEST_F(RouterTest, AMessageNoRouteWantsIsADeadLetterBeforeItIsAnswered) {
  Start(false, {Spec("a")});
  EXPECT_TRUE(Receive({Inbound({.topic = "b", .payload = "lost?"}), Inbound({.topic = "a"})}).ok());
  EXPECT_EQ(Died("no_route"), 1u);
  EXPECT_EQ(Dropped("no_route"), 0u);
  ASSERT_THAT(letters_.letters, SizeIs(1));
  const Unroutable& letter = letters_.letters[0];
  EXPECT_EQ(letter.reason, "no route: no route of the connection takes the topic");
  EXPECT_EQ(letter.unix_ms, clock_.UnixMillis());
  EXPECT_EQ(letter.message.message->payload, "lost?");
  EXPECT_EQ(letter.message.route->connection, "plant");
  EXPECT_EQ(letter.message.route->id, "");
  EXPECT_EQ(letter.message.chain, nullptr);
  EXPECT_NE(letter.message.record, 0u);
  EXPECT_NE(letter.message.id, MessageId{});
  EXPECT_THAT(queue_.messages, SizeIs(1));
}

TEST_F(RouterTest, AtQos0WhatNoRouteOrChainTakesIsCountedOnly) {
  Start(false, {Spec("a/+", "${site}")});
  EXPECT_TRUE(
      Receive({Inbound({.topic = "b", .qos = Qos::kAtMostOnce}), Inbound({.topic = "a/1", .qos = Qos::kAtMostOnce})})
          .ok());
  EXPECT_EQ(Dropped("no_route"), 1u);
  EXPECT_EQ(Dropped("no_chain"), 1u);
  EXPECT_THAT(letters_.letters, IsEmpty());
  EXPECT_THAT(journal_.batches(), IsEmpty());
}

TEST_F(RouterTest, WhatItsConnectionFindsUndeliverableIsADeadLetterWhateverItsTopicIs) {
  Start(false, {Spec("#")});
  std::vector<InboundMessage> batch;
  batch.push_back(Inbound({.topic = "", .payload = "\x30\xFF"}));
  batch.back().undeliverable = "malformed PUBLISH: payload format indicator 2";
  batch.push_back(Inbound({.topic = "a", .qos = Qos::kAtMostOnce}));
  batch.back().undeliverable = "malformed PUBLISH";
  ASSERT_TRUE(routers_[0]->OnMessages(batch).ok());
  EXPECT_THAT(letters_.Reasons(), ElementsAre("undeliverable: malformed PUBLISH: payload format indicator 2"));
  EXPECT_EQ(letters_.letters[0].message.message->payload, "\x30\xFF");
  EXPECT_EQ(Died("undeliverable"), 1u);
  EXPECT_EQ(Dropped("undeliverable"), 1u);
  EXPECT_EQ(queue_.calls, 0);
}

TEST_F(RouterTest, NothingIsAnsweredWhereItsDeadLettersCannotBeTaken) {
  Start(false, {Spec("a")});
  letters_.FillUp();
  EXPECT_EQ(Receive({Inbound({.topic = "a"}), Inbound({.topic = "b"})}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(queue_.messages, IsEmpty());
  EXPECT_EQ(Died("no_route"), 0u);
  letters_.MakeRoom();
  EXPECT_TRUE(Receive({Inbound({.topic = "a"}), Inbound({.topic = "b"})}).ok());
  EXPECT_THAT(letters_.letters, SizeIs(1));
  EXPECT_THAT(queue_.messages, SizeIs(1));
}

TEST_F(RouterTest, ABatchWithNothingToKeepIsNotJournaled) {
  Start(false, {Spec("a")});
  EXPECT_TRUE(Receive({Inbound({.topic = "b", .qos = Qos::kAtMostOnce})}).ok());
  EXPECT_TRUE(Receive({}).ok());
  EXPECT_THAT(journal_.batches(), IsEmpty());
  EXPECT_EQ(queue_.calls, 0);
}

TEST_F(RouterTest, ATopicThatMqttForbidsIsNotRouted) {
  Start(false, {Spec("#")});
  for (const char* topic : {"a/\xFF", "a/+", "a/#", ""}) {
    EXPECT_TRUE(Receive({Inbound({.topic = topic}), Inbound({.topic = topic, .qos = Qos::kAtMostOnce})}).ok());
  }
  EXPECT_EQ(Died("invalid_topic"), 4u);
  EXPECT_EQ(Dropped("invalid_topic"), 4u);
  EXPECT_EQ(letters_.letters.at(0).message.message->topic, "a/\xFF");
  EXPECT_THAT(queue_.messages, IsEmpty());
}

TEST_F(RouterTest, APropertyThatIsNotTextIsNotRouted) {
  Start(false, {Spec("#")});
  EXPECT_TRUE(Receive({Inbound({.topic = "a", .properties = WithUser({{"site", "ulm\xFF"}})}),
                       Inbound({.topic = "a", .properties = WithUser({{"site", "ulm"}})})})
                  .ok());
  EXPECT_EQ(Died("invalid_properties"), 1u);
  EXPECT_THAT(queue_.messages, SizeIs(1));
}

TEST_F(RouterTest, AMessageThatHasExpiredIsDropped) {
  Start(false, {Spec("#")});
  const SteadyTime received = clock_.Now();
  clock_.Advance(Millis(2'000));
  EXPECT_TRUE(Receive({Inbound({.topic = "a", .properties = WithExpiry(2), .received = received}),
                       Inbound({.topic = "b", .properties = WithExpiry(3), .received = received}),
                       Inbound({.topic = "c", .received = received})})
                  .ok());
  EXPECT_EQ(Dropped("expired"), 1u);
  ASSERT_THAT(queue_.messages, SizeIs(2));
  EXPECT_EQ(queue_.messages[0].message->topic, "b");
}

TEST_F(RouterTest, WhenTheJournalFailsNothingIsHandedOn) {
  Start(false, {Spec("a")});
  journal_.FillDisk();
  EXPECT_EQ(Receive({Inbound({.topic = "a"})}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(queue_.calls, 0);
  EXPECT_EQ(Routed("a"), 0u);

  journal_.FreeDisk();
  EXPECT_TRUE(Receive({Inbound({.topic = "a"})}).ok());
  EXPECT_THAT(queue_.messages, SizeIs(1));  // Nothing of the failed batch is left over.
}

TEST_F(RouterTest, LeavesTheBatchWholeSoThatItMayBeSentAgain) {
  Start(false, {Spec("a")});
  journal_.FillDisk();
  std::vector<InboundMessage> batch;
  batch.push_back(Inbound({.topic = "a"}));
  ASSERT_FALSE(routers_[0]->OnMessages(batch).ok());
  journal_.FreeDisk();
  ASSERT_TRUE(routers_[0]->OnMessages(batch).ok());
  ASSERT_THAT(queue_.messages, SizeIs(1));
  EXPECT_EQ(queue_.messages[0].message, batch[0].message);
}

TEST_F(RouterTest, CountsABatchOnceHoweverOftenItIsOffered) {
  Start(false, {Spec("a")});
  journal_.FillDisk();
  std::vector<InboundMessage> batch;
  batch.push_back(Inbound({.topic = "a"}));
  batch.push_back(Inbound({.topic = "nobody's"}));
  ASSERT_FALSE(routers_[0]->OnMessages(batch).ok());
  ASSERT_FALSE(routers_[0]->OnMessages(batch).ok());
  journal_.FreeDisk();
  ASSERT_TRUE(routers_[0]->OnMessages(batch).ok());
  EXPECT_EQ(metrics_.GetCounter("sluice_messages_received_total", "", {{"connection", "plant"}, {"qos", "1"}}).value(),
            2u);
  EXPECT_EQ(Died("no_route"), 1u);
  EXPECT_THAT(letters_.letters, SizeIs(1));
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

// ---- targets and processors

TEST_F(RouterTest, ATemplateResolvesForEachMessage) {
  Start(false, {Spec("plant/+/+", "${topic.2}:${site}")});
  ASSERT_TRUE(Receive({Inbound({.topic = "plant/7/temp", .properties = WithUser({{"site", "ulm"}})}),
                       Inbound({.topic = "plant/8/temp", .properties = WithUser({{"site", "bonn"}})}),
                       Inbound({.topic = "plant/7/hum", .properties = WithUser({{"site", "mainz"}})})})
                  .ok());
  ASSERT_THAT(queue_.messages, SizeIs(3));
  EXPECT_EQ(queue_.messages[0].chain, chains_.Find("7"));
  EXPECT_EQ(queue_.messages[1].chain, chains_.Find("8"));
  EXPECT_EQ(queue_.messages[2].chain, chains_.Find("7"));
  EXPECT_EQ(queue_.messages[0].start_node, "ulm");
  EXPECT_EQ(queue_.messages[2].start_node, "mainz");
}

TEST_F(RouterTest, AMessageWhoseTargetHasNoValueIsADeadLetterOfThatRouteOnly) {
  Start(true, {Spec("a/#", "${site}"), Spec("a/+", "fixed")});
  ASSERT_TRUE(Receive({Inbound({.topic = "a/b"}, {IdOf("a/#"), IdOf("a/+")})}).ok());
  EXPECT_EQ(Died("no_chain"), 1u);
  EXPECT_THAT(letters_.Reasons(), ElementsAre("no chain: the message has no value for ${site} of the route's target"));
  EXPECT_EQ(letters_.letters[0].message.route->id, "a/#");
  EXPECT_THAT(queue_.Routes(), ElementsAre("a/+"));
}

TEST_F(RouterTest, AMessageWhoseChainsNameIsTooLongIsADeadLetter) {
  Start(false, {Spec("a/+", "${topic.2}")});
  ASSERT_TRUE(Receive({Inbound({.topic = "a/" + std::string(257, 'x')}), Inbound({.topic = "a/"})}).ok());
  EXPECT_EQ(Died("no_chain"), 2u);
  EXPECT_THAT(letters_.Reasons(),
              ElementsAre("no chain: the name that the route's target makes of the message has more than 256 bytes",
                          "no chain: the name that the route's target makes of the message is empty"));
}

TEST_F(RouterTest, ATemplateCannotMakeMoreChainsThanThereMayBe) {
  Start(false, {Spec("#", "${topic}")});
  ASSERT_TRUE(Receive({Inbound({.topic = "early"})}).ok());
  for (size_t i = 1; i < chains_.most_of_messages(); ++i)
    ASSERT_NE(chains_.ForMessage("c" + std::to_string(i)), nullptr);
  chains_.Define("configured", {});
  chains_.ForWorker("a worker's");
  ASSERT_TRUE(Receive({Inbound({.topic = "late"}), Inbound({.topic = "early"}), Inbound({.topic = "c1"}),
                       Inbound({.topic = "configured"}), Inbound({.topic = "a worker's"})})
                  .ok());
  EXPECT_THAT(
      letters_.Reasons(),
      ElementsAre("no chain: messages have brought 1000 chains already (maxTemplateChains), so there is none of "
                  "the name 'late'"));
  EXPECT_THAT(queue_.messages, SizeIs(5));
}

TEST_F(RouterTest, HoldsNoChainThatItsMessagesHaveLeft) {
  Start(false, {Spec("#", "${topic}")});
  ASSERT_TRUE(Receive({Inbound({.topic = "a"}), Inbound({.topic = "a"}), Inbound({.topic = "b"})}).ok());
  chains_.Sweep();
  EXPECT_EQ(chains_.forgettable(), 2u) << "their messages hold them";
  queue_.messages.clear();
  chains_.Sweep();
  EXPECT_EQ(chains_.forgettable(), 0u);

  journal_.FillDisk();
  ASSERT_FALSE(Receive({Inbound({.topic = "c"})}).ok());
  chains_.Sweep();
  EXPECT_EQ(chains_.forgettable(), 0u);
}

TEST_F(RouterTest, ATemplateNamesOnlyChainsThatItsRouteAllows) {
  RouteSpec spec = Spec("+", "${topic}");
  spec.chains = {"a", "line-*"};
  Start(false, {spec});
  ASSERT_TRUE(Receive({Inbound({.topic = "a"}), Inbound({.topic = "line-7"}), Inbound({.topic = "b"})}).ok());
  EXPECT_THAT(letters_.Reasons(), ElementsAre("no chain: the route does not allow the chain 'b'"));
  ASSERT_THAT(queue_.messages, SizeIs(2));
  EXPECT_FALSE(queue_.messages[0].chain->can_be_forgotten()) << "it is as if it were configured";
  EXPECT_TRUE(queue_.messages[1].chain->can_be_forgotten());
  EXPECT_EQ(chains_.Find("b"), nullptr);
}

TEST_F(RouterTest, HexIsMadeOnceForAllRoutesThatWantIt) {
  RouteSpec one = Spec("a", "one");
  one.id = "one";
  one.from_processors = {"toHex"};
  RouteSpec two = one;
  two.id = "two";
  RouteSpec plain = Spec("a", "plain");
  plain.id = "plain";
  Start(false, {one, plain, two});
  ASSERT_TRUE(Receive({Inbound({.topic = "a", .payload = "\x1F"}), Inbound({.topic = "a", .payload = "\x2E"})}).ok());
  ASSERT_THAT(queue_.messages, SizeIs(6));
  EXPECT_EQ(queue_.messages[0].message->payload, "1F");
  EXPECT_EQ(queue_.messages[1].message->payload, "\x1F");
  EXPECT_EQ(queue_.messages[2].message, queue_.messages[0].message);
  EXPECT_EQ(queue_.messages[3].message->payload, "2E");
}

TEST_F(RouterTest, AnOrderingKeyLivesAsLongAsItsMessage) {
  ChainOptions ordered;
  ordered.order_by = {OrderBy::Kind::kTopic, 0};
  chains_.Define("chain", ordered);
  RouteSpec hex = Spec("#", "chain");
  hex.from_processors = {"toHex"};
  Start(false, {hex});
  ASSERT_TRUE(Receive({Inbound({.topic = "a/b"})}).ok());  // The batch and its original are gone now.
  EXPECT_EQ(queue_.messages.at(0).ordering_key, "a/b");
}

}  // namespace
}  // namespace sluice
