// How an attempt ends: claimed and finished, retried, rejected, or lost with its stream.
#include <gmock/gmock.h>

#include "tests/unit/queue/dispatcher_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

using Settling = DispatcherTest;
using Retrying = DispatcherTest;
using LosingAWorker = DispatcherTest;

ChainOptions Attempts(uint32_t max_attempts, Millis backoff = Millis(1'000)) {
  ChainOptions options;
  options.max_attempts = max_attempts;
  options.retry_backoff = backoff;
  return options;
}

TEST_F(Settling, ClaimGivesBackTheMessageWithItsRecord) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  auto claimed = dispatcher.Claim(worker->id, std::vector<uint64_t>{worker->Take().id});
  ASSERT_TRUE(claimed[0].has_value());
  EXPECT_EQ(claimed[0]->message.message->payload, "x");
  EXPECT_EQ(claimed[0]->message.record, 1u);
  EXPECT_EQ(claimed[0]->message.chain, &chain);
}

TEST_F(Settling, ResultsComeInTheOrderOfTheIds) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 3});
  EnqueuePayloads(chain, {"1", "2"});
  const uint64_t first = worker->Take().id;
  const uint64_t second = worker->Take().id;
  auto claimed = dispatcher.Claim(worker->id, std::vector<uint64_t>{second, 12345, first});
  EXPECT_EQ(claimed[0]->message.message->payload, "2");
  EXPECT_FALSE(claimed[1].has_value());
  EXPECT_EQ(claimed[2]->message.message->payload, "1");
}

TEST_F(Settling, TheSecondOfTwoEqualIdsIsStale) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  const uint64_t id = worker->Take().id;
  auto claimed = dispatcher.Claim(worker->id, std::vector<uint64_t>{id, id});
  EXPECT_TRUE(claimed[0].has_value());
  EXPECT_FALSE(claimed[1].has_value());
}

TEST_F(Settling, ASettledDeliveryIsStale) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"1", "2"});
  const uint64_t id = worker->Take().id;
  EXPECT_TRUE(Settle(*worker, id, Verdict::kAck));
  EXPECT_FALSE(Settle(*worker, id, Verdict::kAck));
  EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kAck)) << "the next in its slot is not";
}

TEST_F(Settling, AnotherSessionsDeliveryIsStale) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  auto other = Connect({&chain}, {.messages = 0});
  EnqueuePayloads(chain, {"1"});
  const uint64_t id = worker->Take().id;
  EXPECT_FALSE(Settle(*other, id, Verdict::kAck));
  EXPECT_FALSE(dispatcher.Extend(other->id, id, Millis(5'000)));
  EXPECT_FALSE(dispatcher.Peek(other->id, std::vector<uint64_t>{id})[0].has_value());
  EXPECT_TRUE(Settle(*worker, id, Verdict::kAck));
}

TEST_F(Settling, HoldsWindowAndKeyBetweenClaimAndFinish) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 2});
  Enqueue(chain, {{.topic = "k", .payload = "1", .key = "k"}, {.topic = "k", .payload = "2", .key = "k"}});
  auto claimed = dispatcher.Claim(worker->id, std::vector<uint64_t>{worker->Take().id});
  EXPECT_THAT(worker->deliveries, SizeIs(1));
  EXPECT_FALSE(dispatcher.Idle());
  EXPECT_TRUE(dispatcher.HasInFlight(worker->id));
  std::vector<Dispatcher::Finished> finished;
  finished.push_back({.claimed = std::move(*claimed[0])});
  dispatcher.Finish(worker->id, std::move(finished));
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("2"));
}

TEST_F(Settling, AClaimedDeliveryHasNoLeaseAndCannotBeExtendedOrPeeked) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  const uint64_t id = worker->Take().id;
  auto claimed = dispatcher.Claim(worker->id, std::vector<uint64_t>{id});
  Advance(Millis(3'600'000));
  EXPECT_FALSE(dispatcher.Extend(worker->id, id, Millis(5'000)));
  EXPECT_FALSE(dispatcher.Peek(worker->id, std::vector<uint64_t>{id})[0].has_value());
  EXPECT_EQ(CounterOf("sluice_redelivered_total", "c", "reason", "lease_expired"), 0u);
  EXPECT_THAT(worker->deliveries, SizeIs(1));
}

TEST_F(Settling, PeekShowsWhatIsInFlightAndLeavesItThere) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  const uint64_t id = worker->Take().id;
  auto info = dispatcher.Peek(worker->id, std::vector<uint64_t>{id + 1, id});
  EXPECT_FALSE(info[0].has_value());
  EXPECT_EQ(info[1]->message->payload, "x");
  EXPECT_EQ(info[1]->route->id, "r1");
  EXPECT_TRUE(Settle(*worker, id, Verdict::kAck));
}

TEST_F(Settling, FinishWorksAfterTheSessionIsGone) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 2});
  Enqueue(chain, {{.topic = "k", .payload = "1", .key = "k"}, {.topic = "k", .payload = "2", .key = "k"}});
  const uint64_t id = worker->Take().id;
  auto claimed = dispatcher.Claim(worker->id, std::vector<uint64_t>{id});
  dispatcher.RemoveSession(worker->id, SessionEnd::kLost, id);
  auto other = Connect({&chain}, {.messages = 2});
  EXPECT_THAT(other->deliveries, IsEmpty()) << "the claimed one is neither lost nor given away";
  std::vector<Dispatcher::Finished> finished;
  finished.push_back({.claimed = std::move(*claimed[0])});
  dispatcher.Finish(worker->id, std::move(finished));
  EXPECT_THAT(other->TakePayloads(), ElementsAre("2"));
  Settle(*other, other->deliveries[0].id, Verdict::kAck);
  EXPECT_TRUE(dispatcher.Idle());
  EXPECT_EQ(dispatcher.Backlog(), 0u);
}

TEST_F(Settling, FinishIgnoresWhatWasNotClaimed) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  std::vector<Dispatcher::Finished> finished(2);
  finished[0].claimed.delivery_id = worker->deliveries[0].id;
  finished[1].claimed.delivery_id = 99;
  dispatcher.Finish(worker->id, std::move(finished));
  EXPECT_TRUE(Settle(*worker, worker->deliveries[0].id, Verdict::kAck));
}

TEST_F(Settling, RejectGoesToTheDeadLettersAtOnce) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  Settle(*worker, worker->Take().id, Verdict::kReject, Millis(0), "no such sensor");
  ASSERT_THAT(listener.dead_letters, SizeIs(1));
  const DeadLetter& letter = listener.dead_letters[0];
  EXPECT_EQ(letter.reason, "rejected: no such sensor");
  EXPECT_EQ(letter.worker, "w1");
  EXPECT_EQ(letter.message.message->payload, "x");
  EXPECT_EQ(letter.message.record, 1u);
  EXPECT_EQ(letter.message.attempts, 1u);
  EXPECT_EQ(dispatcher.Backlog(), 0u);
}

TEST_F(Settling, DropIsGoneWithoutADeadLetter) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  Settle(*worker, worker->Take().id, Verdict::kDrop);
  EXPECT_THAT(listener.dead_letters, IsEmpty());
  EXPECT_THAT(listener.forgotten, IsEmpty()) << "whoever settles ends the record";
  EXPECT_EQ(dispatcher.Backlog(), 0u);
}

TEST_F(Retrying, ComesAgainAfterTheTimeTheWorkerAskedFor) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  Delivery first = worker->Take();
  Settle(*worker, first.id, Verdict::kRetry, Millis(7'000));
  Advance(Millis(6'999));
  EXPECT_THAT(worker->deliveries, SizeIs(1));
  Advance(Millis(1));
  Delivery second = worker->Take();
  EXPECT_EQ(second.attempt, 2u);
  EXPECT_NE(second.id, first.id);
  EXPECT_EQ(second.message_id, first.message_id);
}

TEST_F(Retrying, AsksTheTickerForTheTime) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  ASSERT_THAT(wakes, ElementsAre(clock.Now() + Millis(30'000))) << "the lease";
  Settle(*worker, worker->Take().id, Verdict::kRetry, Millis(7'000));
  EXPECT_EQ(wakes.back(), clock.Now() + Millis(7'000));
  const SteadyTime due = clock.Now() + Millis(7'000);
  EXPECT_EQ(Advance(Millis(1'000)), due);
}

TEST_F(Retrying, BacksOffLongerWithEachAttempt) {
  const Chain& chain = MakeChain("c", Attempts(4));
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  Settle(*worker, worker->Take().id, Verdict::kRetry);
  Advance(Millis(749));
  EXPECT_THAT(worker->deliveries, SizeIs(1));
  Advance(Millis(501));
  ASSERT_THAT(worker->deliveries, SizeIs(2)) << "1 s ± 25 %";
  Settle(*worker, worker->Take().id, Verdict::kRetry);
  Advance(Millis(1'499));
  EXPECT_THAT(worker->deliveries, SizeIs(2));
  Advance(Millis(1'001));
  EXPECT_THAT(worker->deliveries, SizeIs(3)) << "2 s ± 25 %";
}

TEST_F(Retrying, GivesUpAfterMaxAttempts) {
  const Chain& chain = MakeChain("c", Attempts(2));
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  Settle(*worker, worker->Take().id, Verdict::kRetry, Millis(10));
  Advance(Millis(10));
  Settle(*worker, worker->Take().id, Verdict::kRetry, Millis(10), "database away");
  ASSERT_THAT(listener.dead_letters, SizeIs(1));
  EXPECT_EQ(listener.dead_letters[0].reason, "gave up after 2 attempts: database away");
  EXPECT_EQ(listener.dead_letters[0].message.attempts, 2u);
  EXPECT_EQ(dispatcher.Backlog(), 0u);
}

TEST_F(Retrying, QoS0IsRetriedWhenTheWorkerAsks) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  Enqueue(chain, {{.payload = "x", .qos = Qos::kAtMostOnce}});
  Settle(*worker, worker->Take().id, Verdict::kRetry, Millis(10));
  Advance(Millis(10));
  EXPECT_EQ(worker->Take().attempt, 2u);
}

TEST_F(Retrying, DueRetriesGoBeforeWhatCameLater) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 2});
  EnqueuePayloads(chain, {"1", "2", "3", "4"});
  const uint64_t first = worker->Take().id;
  const uint64_t second = worker->Take().id;
  dispatcher.SetWindow(worker->id, {.messages = 0});
  Settle(*worker, second, Verdict::kRetry, Millis(10));
  Settle(*worker, first, Verdict::kRetry, Millis(20));
  Advance(Millis(15));
  Advance(Millis(15));
  dispatcher.SetWindow(worker->id, {.messages = 4});
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("1", "2", "3", "4"));
}

TEST_F(LosingAWorker, RedeliversWhenTheWorkerDiesBeforeSettling) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 3});
  EnqueuePayloads(chain, {"1", "2", "3", "4"});
  dispatcher.RemoveSession(worker->id, SessionEnd::kLost, worker->deliveries.back().id);
  auto other = Connect({&chain}, {.messages = 10});
  for (uint32_t attempt : {2u, 2u, 2u, 1u}) EXPECT_EQ(other->Take().attempt, attempt);
  EXPECT_EQ(other->deliveries[0].message->payload, "1");
  EXPECT_EQ(other->deliveries[3].message->payload, "4");
  EXPECT_EQ(CounterOf("sluice_redelivered_total", "c", "reason", "lost_worker"), 3u);
}

TEST_F(LosingAWorker, CountsOnlyWhatTheWorkerMayHaveSeen) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 3});
  EnqueuePayloads(chain, {"1", "2", "3"});
  dispatcher.RemoveSession(worker->id, SessionEnd::kLost, worker->deliveries[1].id);
  auto other = Connect({&chain}, {.messages = 10});
  for (uint32_t attempt : {2u, 2u, 1u}) EXPECT_EQ(other->Take().attempt, attempt);
  EXPECT_EQ(CounterOf("sluice_redelivered_total", "c", "reason", "undelivered"), 1u);
}

TEST_F(LosingAWorker, ADrainCountsNothing) {
  const Chain& chain = MakeChain("c", Attempts(1));
  auto worker = Connect({&chain}, {.messages = 2});
  EnqueuePayloads(chain, {"1", "2"});
  dispatcher.RemoveSession(worker->id, SessionEnd::kDrained, worker->deliveries[0].id);
  auto other = Connect({&chain}, {.messages = 10});
  for (uint32_t attempt : {1u, 1u}) EXPECT_EQ(other->Take().attempt, attempt);
  EXPECT_EQ(CounterOf("sluice_redelivered_total", "c", "reason", "drain"), 1u);
  EXPECT_EQ(CounterOf("sluice_redelivered_total", "c", "reason", "undelivered"), 1u);
}

TEST_F(LosingAWorker, GivesToOthersInTheOriginalOrderOverSeveralLosses) {
  const Chain& chain = MakeChain("c");
  auto a = Connect({&chain}, {.messages = 3});
  auto b = Connect({&chain}, {.messages = 3});
  EnqueuePayloads(chain, {"1", "2", "3", "4", "5", "6", "7"});
  dispatcher.RemoveSession(b->id, SessionEnd::kLost, b->deliveries.back().id);
  dispatcher.RemoveSession(a->id, SessionEnd::kLost, a->deliveries.back().id);
  auto other = Connect({&chain}, {.messages = 10});
  EXPECT_THAT(other->TakePayloads(), ElementsAre("1", "2", "3", "4", "5", "6", "7"));
}

TEST_F(LosingAWorker, GivesAtOnceToThoseThatHaveRoom) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 2});
  EnqueuePayloads(chain, {"1", "2"});
  auto other = Connect({&chain}, {.messages = 10});
  dispatcher.RemoveSession(worker->id, SessionEnd::kLost, worker->deliveries.back().id);
  EXPECT_THAT(other->TakePayloads(), ElementsAre("1", "2"));
}

TEST_F(LosingAWorker, GivesUpAfterMaxAttempts) {
  const Chain& chain = MakeChain("c", Attempts(1));
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  dispatcher.RemoveSession(worker->id, SessionEnd::kLost, worker->Take().id);
  ASSERT_THAT(listener.dead_letters, SizeIs(1));
  EXPECT_EQ(listener.dead_letters[0].reason, "gave up after 1 attempt: worker lost while it held only this message");
  EXPECT_EQ(listener.dead_letters[0].worker, "w1");
}

TEST_F(LosingAWorker, QoS0ThatMayHaveBeenSeenIsNotDeliveredTwice) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 2});
  Enqueue(chain, {{.payload = "seen", .qos = Qos::kAtMostOnce}, {.payload = "unseen", .qos = Qos::kAtMostOnce}});
  dispatcher.RemoveSession(worker->id, SessionEnd::kLost, worker->deliveries[0].id);
  auto other = Connect({&chain}, {.messages = 10});
  EXPECT_THAT(other->TakePayloads(), ElementsAre("unseen"));
  EXPECT_EQ(CounterOf("sluice_messages_dropped_total", "c", "reason", "lost_worker"), 1u);
}

TEST_F(LosingAWorker, QoS0ThatMayHaveBeenSeenIsNotDeliveredTwiceByADrainEither) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 2});
  Enqueue(chain, {{.payload = "seen", .qos = Qos::kAtMostOnce}});
  dispatcher.RemoveSession(worker->id, SessionEnd::kDrained, worker->deliveries[0].id);
  EXPECT_THAT(Connect({&chain}, {.messages = 10})->deliveries, IsEmpty());
}

TEST_F(LosingAWorker, ItsSettlesAreStale) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  const uint64_t id = worker->Take().id;
  dispatcher.RemoveSession(worker->id, SessionEnd::kLost, id);
  EXPECT_FALSE(Settle(*worker, id, Verdict::kAck));
  EXPECT_FALSE(dispatcher.HasInFlight(worker->id));
  EXPECT_TRUE(dispatcher.Idle());
  dispatcher.RemoveSession(worker->id, SessionEnd::kLost, id);  // Again: nothing.
  EXPECT_EQ(dispatcher.Backlog(), 1u);
}

TEST_F(DispatcherTest, TellsOfAttemptsThatCountSoThatTheyAreJournaled) {
  const Chain& chain = MakeChain("c", Attempts(3));
  Enqueue(chain, {{.payload = "kept"}, {.payload = "qos0", .qos = Qos::kAtMostOnce}});
  auto worker = Connect({&chain}, {.messages = 10});
  ASSERT_TRUE(Settle(*worker, worker->deliveries[0].id, Verdict::kRetry));
  ASSERT_TRUE(Settle(*worker, worker->deliveries[1].id, Verdict::kRetry));
  EXPECT_THAT(listener.attempts, ElementsAre(Pair(1, 1))) << "QoS 0 is not in the journal";
  Advance(Millis(5'000));
  dispatcher.RemoveSession(worker->id, SessionEnd::kLost, /*written=*/UINT64_MAX);
  EXPECT_THAT(listener.attempts, ElementsAre(Pair(1, 1), Pair(1, 2)));
  auto other = Connect({&chain}, {.messages = 10});
  ASSERT_TRUE(Settle(*other, other->deliveries[0].id, Verdict::kRetry));
  EXPECT_THAT(listener.attempts, SizeIs(2)) << "the last is a dead letter";
  EXPECT_THAT(listener.dead_letters, SizeIs(1));
}

}  // namespace
}  // namespace sluice
