// What a router does not hand on: dead letters, drops, and batches that it refuses.
#include <gmock/gmock.h>

#include <utility>
#include <vector>

#include "tests/unit/route/router_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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

}  // namespace
}  // namespace sluice
