// Windows, shares, draining, pausing: who gets the next message.
#include "server/queue/dispatcher.h"

#include <gmock/gmock.h>

#include <thread>

#include "tests/unit/queue/dispatcher_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using DispatcherWindow = DispatcherTest;
using DispatcherBalance = DispatcherTest;
using DispatcherSession = DispatcherTest;

TEST_F(DispatcherWindow, DeliversOnArrivalInOneBatchPerSession) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 10});
  EnqueuePayloads(chain, {"1", "2", "3"});
  EXPECT_THAT(worker->batches, ElementsAre(3));
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("1", "2", "3"));
}

TEST_F(DispatcherSession, WhoDrainsIsNoWorkerAnyMore) {
  const Chain& chain = MakeChain("c");
  EXPECT_FALSE(dispatcher.HasWorkers());
  auto worker = Connect({&chain}, {.messages = 10});
  EXPECT_TRUE(dispatcher.HasWorkers());
  dispatcher.DrainSession(worker->id);
  EXPECT_FALSE(dispatcher.HasWorkers());
  auto other = Connect({&chain}, {.messages = 10});
  EXPECT_TRUE(dispatcher.HasWorkers());
  dispatcher.RemoveSession(other->id, SessionEnd::kDrained, /*written=*/0);
  EXPECT_FALSE(dispatcher.HasWorkers());
}

TEST_F(DispatcherWindow, DeliveryTellsAllAboutTheAttempt) {
  const Chain& chain = MakeChain("c", {.lease = Millis(12'000)});
  auto worker = Connect({&chain}, {.messages = 1});
  std::vector<RoutedMessage> batch;
  batch.push_back(Make(chain, {.topic = "a/b", .payload = "x", .key = "b"}));
  batch[0].start_node = "node3";
  const MessageId id = batch[0].id;
  dispatcher.Enqueue(batch);
  Delivery delivery = worker->Take();
  EXPECT_NE(delivery.id, 0u);
  EXPECT_EQ(delivery.message->topic, "a/b");
  EXPECT_EQ(delivery.route->id, "r1");
  EXPECT_EQ(delivery.chain, &chain);
  EXPECT_EQ(delivery.start_node, "node3");
  EXPECT_EQ(delivery.ordering_key, "b");
  EXPECT_EQ(delivery.message_id, id);
  EXPECT_EQ(delivery.attempt, 1u);
  EXPECT_EQ(delivery.lease, Millis(12'000));
}

TEST_F(DispatcherWindow, TellsOfEachChainWhatWaitsAndWhatIsInFlight) {
  const Chain& one = MakeChain("one");
  const Chain& two = MakeChain("two");
  auto worker = Connect({&one}, {.messages = 2});
  EnqueuePayloads(one, {"1", "2", "3"});
  EnqueuePayloads(two, {"4"});
  dispatcher.SetOnDisk(two, {.messages = 7});
  const std::vector<Dispatcher::ChainCounts> chains = dispatcher.Chains();
  ASSERT_THAT(chains, SizeIs(2));
  EXPECT_EQ(chains[0].chain, &one);
  EXPECT_EQ(chains[0].waiting, 1u);
  EXPECT_EQ(chains[0].in_flight, 2u);
  EXPECT_EQ(chains[0].on_disk, 0u);
  EXPECT_EQ(chains[1].chain, &two);
  EXPECT_EQ(chains[1].waiting, 1u);
  EXPECT_EQ(chains[1].on_disk, 7u);
}

TEST_F(DispatcherWindow, DeliversWhatWaitsWhenAWorkerComes) {
  const Chain& chain = MakeChain("c");
  EnqueuePayloads(chain, {"1", "2"});
  EXPECT_THAT(Connect({&chain}, {.messages = 10})->TakePayloads(), ElementsAre("1", "2"));
}

TEST_F(DispatcherWindow, HoldsTheWindowInMessages) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 2});
  EnqueuePayloads(chain, {"1", "2", "3"});
  EXPECT_THAT(worker->deliveries, SizeIs(2));
  EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kAck));
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("2", "3"));
}

TEST_F(DispatcherWindow, HoldsTheWindowInBytes) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 100, .bytes = 10});
  EnqueuePayloads(chain, {"1234", "1234", "1"});  // Each with a topic of one byte.
  EXPECT_THAT(worker->deliveries, SizeIs(2));
  Settle(*worker, worker->Take().id, Verdict::kAck);
  EXPECT_THAT(worker->deliveries, SizeIs(3));
}

TEST_F(DispatcherWindow, LetsOneOversizedMessageThroughWhenNothingIsInFlight) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 100, .bytes = 10});
  EnqueuePayloads(chain, {"1", std::string(50, 'x'), "2"});
  ASSERT_THAT(worker->TakePayloads(), ElementsAre("1"));
  Settle(*worker, worker->deliveries[0].id, Verdict::kAck);
  ASSERT_THAT(worker->TakePayloads(), SizeIs(1)) << "the large one, alone";
  Settle(*worker, worker->deliveries[1].id, Verdict::kAck);
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("2"));
}

TEST_F(DispatcherWindow, KeepsALargeMessageFromStarvingBehindAnotherChain) {
  const Chain& large = MakeChain("large");
  const Chain& busy = MakeChain("busy");
  auto worker = Connect({&large, &busy}, {.messages = 100, .bytes = 20});
  EnqueuePayloads(busy, std::vector<std::string>(30, "123456789"));
  EnqueuePayloads(large, {std::string(50, 'x')});
  ASSERT_THAT(worker->deliveries, SizeIs(2));
  Settle(*worker, worker->Take().id, Verdict::kAck);
  Settle(*worker, worker->Take().id, Verdict::kAck);
  Delivery third = worker->Take();
  if (third.chain == &busy) {
    Settle(*worker, third.id, Verdict::kAck);
    third = worker->Take();
  }
  EXPECT_EQ(third.chain, &large);
  Settle(*worker, third.id, Verdict::kAck);
  EXPECT_EQ(worker->Take().chain, &busy) << "the busy chain goes on";
}

TEST_F(DispatcherWindow, GivesALargeMessageToTheWorkerThatHasTheBytes) {
  const Chain& chain = MakeChain("c");
  auto narrow = Connect({&chain}, {.messages = 1'000, .bytes = 10});
  EnqueuePayloads(chain, {"1"});
  auto wide = Connect({&chain}, {.messages = 2, .bytes = 1'000});
  EnqueuePayloads(chain, {"2", std::string(500, 'x')});
  EXPECT_EQ(wide->deliveries.back().message->payload.size(), 500u);
}

TEST_F(DispatcherWindow, ASmallerWindowTakesNothingBack) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 3});
  EnqueuePayloads(chain, {"1", "2", "3", "4"});
  dispatcher.SetWindow(worker->id, {.messages = 1});
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kAck));
  EXPECT_THAT(worker->deliveries, SizeIs(3));
  EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kAck));
  EXPECT_THAT(worker->deliveries, SizeIs(4));
}

TEST_F(DispatcherWindow, ZeroPausesAndALargerOneResumes) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 0});
  EnqueuePayloads(chain, {"1", "2"});
  EXPECT_THAT(worker->deliveries, IsEmpty());
  dispatcher.SetWindow(worker->id, {.messages = 1});
  EXPECT_THAT(worker->deliveries, SizeIs(1));
  dispatcher.SetWindow(worker->id, {.messages = 2});
  EXPECT_THAT(worker->deliveries, SizeIs(2));
}

TEST_F(DispatcherBalance, SharesEvenlyWhenBusy) {
  const Chain& chain = MakeChain("c");
  std::vector<std::shared_ptr<FakeWorker>> workers;
  for (int i = 0; i < 4; ++i) workers.push_back(Connect({&chain}, {.messages = 100}));
  EnqueuePayloads(chain, std::vector<std::string>(80, "x"));
  for (const auto& worker : workers) EXPECT_THAT(worker->deliveries, SizeIs(20));
}

TEST_F(DispatcherBalance, SharesInProportionToWindows) {
  const Chain& chain = MakeChain("c");
  auto small = Connect({&chain}, {.messages = 10});
  auto large = Connect({&chain}, {.messages = 90});
  EnqueuePayloads(chain, std::vector<std::string>(50, "x"));
  EXPECT_THAT(small->deliveries, SizeIs(5));
  EXPECT_THAT(large->deliveries, SizeIs(45));
}

TEST_F(DispatcherBalance, TakesTurnsWhenIdle) {
  const Chain& chain = MakeChain("c");
  std::vector<std::shared_ptr<FakeWorker>> workers;
  for (int i = 0; i < 3; ++i) workers.push_back(Connect({&chain}, {.messages = 100}));
  for (int i = 0; i < 12; ++i) {
    EnqueuePayloads(chain, {"x"});
    for (const auto& worker : workers) {
      if (!worker->TakePayloads().empty()) Settle(*worker, worker->deliveries.back().id, Verdict::kAck);
    }
  }
  for (const auto& worker : workers) EXPECT_THAT(worker->deliveries, SizeIs(4));
}

TEST_F(DispatcherBalance, ChainsOfAWorkerTakeTurns) {
  const Chain& a = MakeChain("a");
  const Chain& b = MakeChain("b");
  EnqueuePayloads(a, std::vector<std::string>(100, "a"));
  EnqueuePayloads(b, std::vector<std::string>(100, "b"));
  auto worker = Connect({&a, &b}, {.messages = 10});
  auto payloads = worker->TakePayloads();
  EXPECT_EQ(std::count(payloads.begin(), payloads.end(), "a"), 5);
  EXPECT_EQ(std::count(payloads.begin(), payloads.end(), "b"), 5);
}

TEST_F(DispatcherBalance, DeliversAChainOnlyToThoseThatServeIt) {
  const Chain& a = MakeChain("a");
  const Chain& b = MakeChain("b");
  auto only_a = Connect({&a}, {.messages = 2});
  auto both = Connect({&b, &a, &a}, {.messages = 4});
  EnqueuePayloads(b, {"b", "b"});
  EnqueuePayloads(a, {"a", "a", "a", "a"});
  EXPECT_THAT(only_a->TakePayloads(), ElementsAre("a", "a"));
  EXPECT_THAT(both->TakePayloads(), ElementsAre("b", "b", "a", "a"));
}

TEST_F(DispatcherSession, DrainingTakesNoNewDeliveriesButSettles) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 2});
  EnqueuePayloads(chain, {"1"});
  dispatcher.DrainSession(worker->id);
  EnqueuePayloads(chain, {"2"});
  EXPECT_THAT(worker->deliveries, SizeIs(1));
  EXPECT_TRUE(dispatcher.HasInFlight(worker->id));
  EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kAck));
  EXPECT_FALSE(dispatcher.HasInFlight(worker->id));
  EXPECT_THAT(worker->deliveries, SizeIs(1));
}

TEST_F(DispatcherSession, PausesNestAndResumeDeliversWhatCame) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 2});
  dispatcher.Pause();
  dispatcher.Pause();
  EnqueuePayloads(chain, {"1"});
  dispatcher.Resume();
  EXPECT_THAT(worker->deliveries, IsEmpty());
  dispatcher.Resume();
  EXPECT_THAT(worker->deliveries, SizeIs(1));
}

TEST_F(DispatcherSession, SettlesAreTakenWhilePaused) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"1", "2"});
  dispatcher.Pause();
  EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kAck));
  EXPECT_TRUE(dispatcher.Idle());
  EXPECT_THAT(worker->deliveries, SizeIs(1));
  dispatcher.Resume();
  EXPECT_THAT(worker->deliveries, SizeIs(2));
}

TEST_F(DispatcherSession, IdleAndBacklogTellWhatIsLeft) {
  const Chain& chain = MakeChain("c");
  EXPECT_TRUE(dispatcher.Idle());
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"1", "2"});
  EXPECT_FALSE(dispatcher.Idle());
  EXPECT_EQ(dispatcher.Backlog(), 2u);
  Settle(*worker, worker->Take().id, Verdict::kAck);
  Settle(*worker, worker->Take().id, Verdict::kAck);
  EXPECT_TRUE(dispatcher.Idle());
  EXPECT_EQ(dispatcher.Backlog(), 0u);
}

TEST_F(DispatcherSession, WaitsUntilNothingIsLeftOrTheDeadline) {
  const Chain& chain = MakeChain("c");
  EXPECT_TRUE(dispatcher.WaitUntilEmpty(clock.Now()));
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"1"});
  EXPECT_FALSE(dispatcher.WaitUntilEmpty(clock.Now()));
  std::thread other([&] { Settle(*worker, worker->Take().id, Verdict::kAck); });
  // Late by either clock.
  const SteadyTime late = std::max(clock.Now(), Clock::Real().Now()) + Millis(60'000);
  EXPECT_TRUE(dispatcher.WaitUntilEmpty(late));
  other.join();
}

TEST_F(DispatcherSession, UnknownSessionsAreIgnored) {
  dispatcher.SetWindow(99, {.messages = 1});
  dispatcher.DrainSession(99);
  dispatcher.RemoveSession(99, SessionEnd::kLost, 0);
  dispatcher.Finish(99, {});
  EXPECT_FALSE(dispatcher.HasInFlight(99));
  EXPECT_FALSE(dispatcher.Extend(99, 1, Millis(1'000)));
  EXPECT_FALSE(dispatcher.Claim(99, std::vector<uint64_t>{1})[0].has_value());
  EXPECT_FALSE(dispatcher.Peek(99, std::vector<uint64_t>{1})[0].has_value());
}

TEST_F(DispatcherSession, NamesSessionsAndDeliveriesOnlyOnce) {
  const Chain& chain = MakeChain("c");
  std::vector<SessionId> sessions;
  uint64_t last = 0;
  for (int i = 0; i < 3; ++i) {
    auto worker = Connect({&chain}, {.messages = 2});
    EXPECT_NE(worker->id, 0u);
    EXPECT_EQ(std::count(sessions.begin(), sessions.end(), worker->id), 0);
    sessions.push_back(worker->id);
    EnqueuePayloads(chain, {"1", "2"});
    for (const Delivery& delivery : worker->deliveries) {
      EXPECT_GT(delivery.id, last) << "ids grow";
      last = delivery.id;
    }
    for (const Delivery& delivery : worker->deliveries) Settle(*worker, delivery.id, Verdict::kAck);
    dispatcher.RemoveSession(worker->id, SessionEnd::kLost, last);
  }
}

}  // namespace
}  // namespace sluice
