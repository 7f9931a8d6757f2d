// Connections that take no replies, chains whose dead letters have no place, and streams that are not read: each stops
// what is its own, and nothing else.
#include "tests/unit/queue/dispatcher_fixture.h"

namespace sluice {
namespace {

class Destinations : public DispatcherTest {
 protected:
  Destinations() {
    a_.connection = "a";
    b_.connection = "b";
  }
  RoutedMessage To(const Route& route, const Chain& chain, QueuedSpec spec) {
    RoutedMessage message = Make(chain, spec);
    message.route = &route;
    return message;
  }
  void Enqueue(const Route& route, const Chain& chain, QueuedSpec spec) {
    RoutedMessage message = To(route, chain, std::move(spec));
    dispatcher.Enqueue({&message, 1});
  }

  Route a_;
  Route b_;
  using Payloads = std::vector<std::string>;
};

TEST_F(Destinations, OfAClosedConnectionNothingIsDeliveredAndOfOthersEverything) {
  const Chain& one = MakeChain("one");
  const Chain& other = MakeChain("other");
  auto worker = Connect({&one, &other}, {.messages = 1'000});
  dispatcher.CloseConnection("a");
  Enqueue(a_, one, {.payload = "a1"});
  for (int i = 0; i < 200; ++i) Enqueue(b_, other, {.payload = "b"});
  EXPECT_EQ(worker->TakePayloads(), Payloads(200, "b"));

  dispatcher.OpenConnection("a");
  EXPECT_EQ(worker->TakePayloads(), Payloads{"a1"});
}

TEST_F(Destinations, WithinAChainOthersPassAndTheOrderIsKeptAfterwards) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 100});
  dispatcher.CloseConnection("a");
  Enqueue(a_, chain, {.payload = "a1"});
  Enqueue(b_, chain, {.payload = "b1"});
  Enqueue(a_, chain, {.payload = "a2"});
  Enqueue(b_, chain, {.payload = "b2"});
  EXPECT_EQ(worker->TakePayloads(), (Payloads{"b1", "b2"}));
  EXPECT_EQ(dispatcher.Backlog(), 4u);
  dispatcher.OpenConnection("a");
  EXPECT_EQ(worker->TakePayloads(), (Payloads{"a1", "a2"}));
}

TEST_F(Destinations, ReasonsAreCounted) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 100});
  dispatcher.CloseConnection("a");
  dispatcher.CloseConnection("a");
  Enqueue(a_, chain, {.payload = "1"});
  dispatcher.OpenConnection("a");
  EXPECT_EQ(worker->TakePayloads(), Payloads{});
  dispatcher.OpenConnection("a");
  EXPECT_EQ(worker->TakePayloads(), Payloads{"1"});
  dispatcher.OpenConnection("a");
  EXPECT_EQ(worker->TakePayloads(), Payloads{}) << "that was open";
}

TEST_F(Destinations, AnOrderingKeyKeepsItsTurnWhileItsFirstMessageWaits) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 100});
  dispatcher.CloseConnection("a");
  Enqueue(a_, chain, {.topic = "k", .payload = "1", .key = "k"});
  Enqueue(b_, chain, {.topic = "k", .payload = "2", .key = "k"});
  EXPECT_EQ(worker->TakePayloads(), Payloads{});
  dispatcher.OpenConnection("a");
  const Delivery first = worker->Take();
  EXPECT_EQ(first.message->payload, "1");
  EXPECT_EQ(worker->TakePayloads(), Payloads{});
  EXPECT_TRUE(Settle(*worker, first.id, Verdict::kAck));
  EXPECT_EQ(worker->TakePayloads(), Payloads{"2"});
}

TEST_F(Destinations, WhatWaitsAsideExpiresAndIsDroppedAtTheBound) {
  const Chain& chain = MakeChain("c", {.max_messages = 2});
  auto worker = Connect({&chain}, {.messages = 100});
  dispatcher.CloseConnection("a");
  Enqueue(a_, chain, {.topic = "k", .payload = "1", .key = "k", .expiry_s = 1});
  Enqueue(b_, chain, {.topic = "k", .payload = "2", .key = "k"});
  Advance(Millis(1'100));
  dispatcher.Tick(clock.Now());
  EXPECT_EQ(worker->TakePayloads(), Payloads{"2"}) << "the turn has passed on";

  for (const char* payload : {"3", "4", "5"}) Enqueue(a_, chain, {.payload = payload, .qos = Qos::kAtMostOnce});
  dispatcher.OpenConnection("a");
  EXPECT_EQ(worker->TakePayloads(), (Payloads{"4", "5"}));
}

TEST_F(Destinations, ASuspectThatWaitsAsideKeepsNoWorker) {
  const Chain& chain = MakeChain("c");
  Enqueue(a_, chain, {.payload = "a1"});
  auto lost = Connect({&chain}, {.messages = 1});
  lost->Take();
  dispatcher.CloseConnection("a");
  dispatcher.RemoveSession(lost->id, SessionEnd::kLost, UINT64_MAX);
  auto worker = Connect({&chain}, {.messages = 1});
  Enqueue(b_, chain, {.payload = "b1"});
  EXPECT_EQ(worker->TakePayloads(), Payloads{"b1"});
  EXPECT_TRUE(Settle(*worker, worker->deliveries.back().id, Verdict::kAck));
  dispatcher.OpenConnection("a");
  EXPECT_EQ(worker->TakePayloads(), Payloads{"a1"});
}

TEST_F(Destinations, AWorkerIsNotKeptForALargeMessageThatMayNotBeDelivered) {
  const Chain& chain = MakeChain("c");
  const Chain& other = MakeChain("other");
  auto worker = Connect({&chain, &other}, {.messages = 10, .bytes = 100});
  Enqueue(b_, other, {.payload = std::string(50, 'x')});
  Enqueue(a_, chain, {.payload = std::string(90, 'y')});
  EXPECT_EQ(worker->TakePayloads().size(), 1u) << "the large one waits until the worker is empty";
  dispatcher.CloseConnection("a");
  Enqueue(b_, other, {.payload = "b2"});
  EXPECT_EQ(worker->TakePayloads(), Payloads{"b2"});
}

TEST_F(Destinations, WhileDeadLettersAreFullOnlyChainsThatMakeThemWait) {
  const Chain& bad = MakeChain("bad");
  const Chain& good = MakeChain("good");
  auto worker = Connect({&bad, &good}, {.messages = 1});
  dispatcher.SetDeadLettersFull(true);
  Enqueue(a_, bad, {.payload = "1"});
  Enqueue(a_, bad, {.payload = "2"});
  EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kReject));
  EXPECT_EQ(worker->TakePayloads(), Payloads{}) << "'1' has been the last";
  for (int i = 0; i < 200; ++i) {
    Enqueue(a_, good, {.payload = "g"});
    const Delivery delivery = worker->Take();
    EXPECT_EQ(delivery.message->payload, "g");
    EXPECT_TRUE(Settle(*worker, delivery.id, Verdict::kAck));
  }
  dispatcher.SetDeadLettersFull(false);
  EXPECT_EQ(worker->TakePayloads(), Payloads{"2"});
}

TEST_F(Destinations, LeasesOfOneSessionAreHeldAndThoseOfOthersEnd) {
  const Chain& chain = MakeChain("c", {.lease = Millis(1'000)});
  auto held = Connect({&chain}, {.messages = 1});
  auto other = Connect({&chain}, {.messages = 1});
  Enqueue(a_, chain, {.payload = "1"});
  Enqueue(a_, chain, {.payload = "2"});
  dispatcher.HoldLeases(held->id);
  Advance(Millis(5'000));
  dispatcher.Tick(clock.Now());
  EXPECT_TRUE(held->revoked.empty());
  EXPECT_EQ(other->revoked.size(), 1u);
  dispatcher.ReleaseLeases(held->id);
  Advance(Millis(900));
  dispatcher.Tick(clock.Now());
  EXPECT_TRUE(held->revoked.empty()) << "it goes on with what was left";
  Advance(Millis(200));
  dispatcher.Tick(clock.Now());
  EXPECT_EQ(held->revoked.size(), 1u);
}

}  // namespace
}  // namespace sluice
