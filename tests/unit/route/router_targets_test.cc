// Which chain a route's target makes of a message, and what its processors make of the payload.
#include <gmock/gmock.h>

#include <string>

#include "tests/unit/route/router_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

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
