// How long a worker has a message for itself, and what happens when its time is over.
#include <gmock/gmock.h>

#include "tests/unit/queue/dispatcher_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Leases = DispatcherTest;

TEST_F(Leases, RedeliverWhatIsNotSettledInTime) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x", "y"});
  const uint64_t id = worker->Take().id;
  Advance(Millis(29'999));
  EXPECT_THAT(worker->deliveries, SizeIs(1));
  Advance(Millis(1));
  Delivery again = worker->Take();
  EXPECT_EQ(again.attempt, 2u);
  EXPECT_EQ(again.message->payload, "x") << "at the front";
  EXPECT_FALSE(Settle(*worker, id, Verdict::kAck)) << "the old one is stale";
}

TEST_F(Leases, ThatEndAreToldBeforeTheMessageIsDeliveredAgain) {
  const Chain& chain = MakeChain("c");
  auto worker = ConnectTelling({&chain}, {.messages = 2});
  EnqueuePayloads(chain, {"begun", "not"});
  Begin(*worker, {worker->Take().id});
  listener.on_lost = [&] { EXPECT_THAT(worker->deliveries, SizeIs(2)); };
  Advance(Millis(30'000));
  EXPECT_THAT(worker->deliveries, SizeIs(4));
  EXPECT_THAT(listener.lost, testing::UnorderedElementsAre(std::tuple("w1", "begun", 1u, DeliveryLoss::kLeaseEnded),
                                                           std::tuple("w1", "not", 1u, DeliveryLoss::kNotBegun)));
}

TEST_F(Leases, EndWithTheStreamAndThatIsToldWithHow) {
  const Chain& chain = MakeChain("c");
  EnqueuePayloads(chain, {"a"});
  Kill(*Connect({&chain}, {.messages = 1}));
  auto second = Connect({&chain}, {.messages = 1});
  dispatcher.RemoveSession(second->id, SessionEnd::kDrained, UINT64_MAX);
  auto third = Connect({&chain}, {.messages = 1});
  dispatcher.RemoveSession(third->id, SessionEnd::kLost, /*written=*/0);
  auto fourth = Connect({&chain}, {.messages = 1});
  dispatcher.RemoveSession(fourth->id, SessionEnd::kLeft, UINT64_MAX);
  EXPECT_THAT(listener.lost, ElementsAre(std::tuple("w1", "a", 1u, DeliveryLoss::kWorkerLost),
                                         std::tuple("w2", "a", 2u, DeliveryLoss::kDrained),
                                         std::tuple("w3", "a", 2u, DeliveryLoss::kUnsent),
                                         std::tuple("w4", "a", 2u, DeliveryLoss::kWorkerLeft)));
}

TEST_F(Leases, GiveUpAfterMaxAttempts) {
  ChainOptions options;
  options.max_attempts = 2;
  const Chain& chain = MakeChain("c", options);
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  Advance(Millis(30'000));
  Advance(Millis(30'000));
  ASSERT_THAT(listener.dead_letters, SizeIs(1));
  EXPECT_EQ(listener.dead_letters[0].reason, "gave up after 2 attempts: lease expired");
  EXPECT_TRUE(dispatcher.Idle());
}

TEST_F(Leases, DropQoS0ThatIsNotSettledInTime) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  Enqueue(chain, {{.payload = "x", .qos = Qos::kAtMostOnce}});
  Advance(Millis(30'000));
  EXPECT_THAT(worker->deliveries, SizeIs(1));
  EXPECT_EQ(CounterOf("sluice_messages_dropped_total", "c", "reason", "lease_expired"), 1u);
  EXPECT_EQ(dispatcher.Backlog(), 0u);
}

TEST_F(Leases, AreWhatTheWorkerAsksForWithinBounds) {
  ChainOptions options;
  options.max_lease = Millis(60'000);
  const Chain& chain = MakeChain("c", options);
  for (auto [asked, given] : std::vector<std::pair<Millis, Millis>>{{Millis(0), Millis(30'000)},
                                                                    {Millis(5'000), Millis(5'000)},
                                                                    {Millis(1), Millis(1'000)},
                                                                    {Millis(999'999), Millis(60'000)}}) {
    auto worker = Connect({&chain}, {.messages = 1}, asked);
    EnqueuePayloads(chain, {"x"});
    EXPECT_EQ(worker->Take().lease, given);
    Settle(*worker, worker->deliveries[0].id, Verdict::kAck);
    dispatcher.RemoveSession(worker->id, SessionEnd::kLost, 0);
  }
}

TEST_F(Leases, AreExtendedFromNowUpToTheChainsLongest) {
  ChainOptions options;
  options.max_lease = Millis(60'000);
  const Chain& chain = MakeChain("c", options);
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  const uint64_t id = worker->Take().id;
  Advance(Millis(20'000));
  EXPECT_TRUE(dispatcher.Extend(worker->id, id, Millis(35'000)));
  Advance(Millis(34'999));
  EXPECT_THAT(worker->deliveries, SizeIs(1));
  EXPECT_TRUE(dispatcher.Extend(worker->id, id, Millis::max())) << "held to 60 s from the delivery";
  Advance(Millis(5'000));
  EXPECT_THAT(worker->deliveries, SizeIs(1));
  Advance(Millis(1));
  EXPECT_THAT(worker->deliveries, SizeIs(2));
  EXPECT_FALSE(dispatcher.Extend(worker->id, id, Millis(1'000)));
}

TEST_F(Leases, CanBeShortened) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  EXPECT_TRUE(dispatcher.Extend(worker->id, worker->Take().id, Millis(0)));
  EXPECT_EQ(wakes.back(), clock.Now() + Millis(1'000)) << "at least a second";
  Advance(Millis(1'000));
  EXPECT_THAT(worker->deliveries, SizeIs(2));
}

// While nothing is read of workers nobody hears that they settle.
TEST_F(Leases, StandStillWhileTheyAreHeld) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 2});
  EnqueuePayloads(chain, {"x"});
  Advance(Millis(20'000));
  dispatcher.HoldLeases();
  dispatcher.HoldLeases();
  EnqueuePayloads(chain, {"y"});
  Advance(Millis(3'600'000));
  dispatcher.ReleaseLeases();
  Advance(Millis(1));
  EXPECT_THAT(worker->deliveries, SizeIs(2));
  dispatcher.ReleaseLeases();
  EXPECT_THAT(listener.attempts, IsEmpty());
  // The first has the 10 s that it had left, the second all of its own.
  EXPECT_EQ(wakes.back(), clock.Now() + Millis(10'000));
  Advance(Millis(9'999));
  EXPECT_THAT(worker->deliveries, SizeIs(2));
  Advance(Millis(1));
  EXPECT_THAT(worker->deliveries, SizeIs(3));
  Advance(Millis(20'000));
  EXPECT_THAT(worker->deliveries, SizeIs(4));
}

TEST_F(Leases, AskTheTickerOnlyForTheNextOne) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 100});
  for (int i = 0; i < 10; ++i) {
    EnqueuePayloads(chain, {"x"});
    clock.Advance(Millis(10));
  }
  EXPECT_THAT(wakes, SizeIs(1));
  EXPECT_EQ(dispatcher.Tick(clock.Now()), clock.Now() + Millis(29'900));
}

TEST_F(Leases, NothingInFlightNeedsNoTick) {
  EXPECT_EQ(Advance(Millis(1)), kNever);
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  Settle(*worker, worker->Take().id, Verdict::kAck);
  EXPECT_EQ(Advance(Millis(30'000)), kNever);
}

}  // namespace
}  // namespace sluice
