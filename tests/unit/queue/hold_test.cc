// An end that does not wait for all: which chains are held, and what is yet to be waited for.
#include "tests/unit/queue/dispatcher_fixture.h"

namespace sluice {
namespace {

class DispatcherHold : public DispatcherTest {
 protected:
  static constexpr Millis kSlow{250};
};

TEST_F(DispatcherHold, AChainWithoutWorkersIsNotWaitedFor) {
  const Chain& chain = MakeChain("nobody");
  EnqueuePayloads(chain, {"1"});
  const Dispatcher::Undone undone = dispatcher.HoldSlow(clock.Now(), kSlow);
  EXPECT_EQ(undone.in_flight, 0u);
  EXPECT_EQ(undone.waiting, 0u);

  auto late = Connect({&chain}, {.messages = 1});
  EXPECT_TRUE(late->deliveries.empty()) << "what is held stays so";
}

TEST_F(DispatcherHold, AChainWhoseWorkersAllDrainHasNone) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  dispatcher.DrainSession(worker->id);
  EnqueuePayloads(chain, {"1"});
  EXPECT_EQ(dispatcher.HoldSlow(clock.Now(), kSlow).waiting, 0u);
}

TEST_F(DispatcherHold, AFlowingChainGoesOnBesideASlowOne) {
  const Chain& slow = MakeChain("slow");
  const Chain& quick = MakeChain("quick");
  auto snail = Connect({&slow}, {.messages = 1});
  auto hare = Connect({&quick}, {.messages = 1});
  EnqueuePayloads(slow, {"s1", "s2"});
  EnqueuePayloads(quick, {"q1", "q2"});
  Advance(Millis(100));
  const SteadyTime since = clock.Now();

  EXPECT_EQ(dispatcher.HoldSlow(since, kSlow).in_flight, 2u) << "what was out when the end began";
  EXPECT_TRUE(Settle(*hare, hare->Take().id, Verdict::kAck));
  Advance(Millis(200));
  Dispatcher::Undone undone = dispatcher.HoldSlow(since, kSlow);
  EXPECT_EQ(undone.in_flight, 1u) << "the snail's";
  EXPECT_EQ(undone.waiting, 0u);
  EXPECT_TRUE(Settle(*hare, hare->Take().id, Verdict::kAck));
  EnqueuePayloads(quick, {"q3"});
  EXPECT_EQ(hare->TakePayloads(), std::vector<std::string>{"q3"}) << "what flows goes on";

  EXPECT_TRUE(Settle(*snail, snail->Take().id, Verdict::kAck));
  EXPECT_TRUE(snail->TakePayloads().empty()) << "s2 stays where it is";
  EXPECT_EQ(dispatcher.HoldSlow(since, kSlow).in_flight, 0u);
  EXPECT_EQ(dispatcher.Backlog(), 2u) << "s2 and q3";
}

TEST_F(DispatcherHold, AChainThatTurnsOutToBeSlowIsHeldThen) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 2});
  const SteadyTime since = clock.Now();
  EnqueuePayloads(chain, {"1", "2", "3"});
  Dispatcher::Undone undone = dispatcher.HoldSlow(since, kSlow);
  EXPECT_EQ(undone.in_flight, 0u) << "delivered since";
  EXPECT_EQ(undone.waiting, 1u);
  Advance(kSlow);
  undone = dispatcher.HoldSlow(since, kSlow);
  EXPECT_EQ(undone.in_flight, 2u);
  EXPECT_EQ(undone.waiting, 0u);
  EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kAck));
  EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kAck));
  EXPECT_TRUE(worker->TakePayloads().empty());
}

TEST_F(DispatcherHold, WhatALostWorkerOfAHeldChainGivesBackStays) {
  const Chain& chain = MakeChain("c");
  auto lost = Connect({&chain}, {.messages = 1});
  auto other = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"1"});
  auto& holder = lost->deliveries.empty() ? other : lost;
  Advance(kSlow);
  dispatcher.HoldSlow(clock.Now(), kSlow);
  dispatcher.RemoveSession(holder->id, SessionEnd::kLost, holder->deliveries.front().id);
  EXPECT_EQ(lost->deliveries.size() + other->deliveries.size(), 1u);
  EXPECT_TRUE(dispatcher.WaitUntilIdle(clock.Now()));
  EXPECT_EQ(dispatcher.Backlog(), 1u);
}

TEST_F(DispatcherHold, WaitsForWhatIsInFlightAlone) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"1", "2"});
  dispatcher.Pause();
  EXPECT_FALSE(dispatcher.WaitUntilIdle(clock.Now()));
  EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kAck));
  EXPECT_TRUE(dispatcher.WaitUntilIdle(clock.Now())) << "2 waits, which is none of its business";
}

TEST_F(DispatcherHold, ALargeMessageThatASessionIsKeptForDoesNotHoldUpOthers) {
  const Chain& slow = MakeChain("slow");
  const Chain& quick = MakeChain("quick");
  auto worker = Connect({&slow, &quick}, {.messages = 10, .bytes = 100});
  EnqueuePayloads(slow, {std::string(60, 's')});
  EnqueuePayloads(slow, {std::string(80, 'l')});  // Keeps the session for itself.
  Advance(kSlow);
  dispatcher.HoldSlow(clock.Now(), kSlow);
  EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kAck));
  EnqueuePayloads(quick, {"q"});
  EXPECT_EQ(worker->TakePayloads(), std::vector<std::string>{"q"});
}

}  // namespace
}  // namespace sluice
