// What people who look are told, and chains that they pause.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/queue/dispatcher_fixture.h"

namespace sluice {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;

class DispatcherLoad : public DispatcherTest {
 protected:
  ChainLoad LoadOf(const Chain& chain) {
    for (const ChainLoad& load : dispatcher.ChainLoads()) {
      if (load.chain.get() == &chain) return load;
    }
    ADD_FAILURE() << "no such chain";
    return {};
  }
};

TEST_F(DispatcherLoad, CountsWhatASessionHoldsAndWhatBecameOfIt) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 4, .bytes = 1'000});
  EnqueuePayloads(chain, {"1", "2", "3", "4", "5"});
  Advance(Millis(3'000));
  EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kAck));
  EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kReject));

  const std::optional<SessionLoad> load = dispatcher.LoadOf(worker->id);
  ASSERT_TRUE(load);
  ASSERT_EQ(load->chains.size(), 1u);
  EXPECT_EQ(load->chains[0].get(), &chain);
  EXPECT_EQ(load->window.messages, 4u);
  EXPECT_EQ(load->window.bytes, 1'000u);
  EXPECT_EQ(load->in_flight, 3u);
  EXPECT_GT(load->in_flight_bytes, 0u);
  EXPECT_EQ(load->delivered, clock.Now() - Millis(3'000)) << "of the third";
  EXPECT_EQ(load->tally.deliveries, 5u);
  EXPECT_THAT(load->tally.settles, ElementsAre(1, 0, 1, 0)) << "ack, retry, reject, drop";
  EXPECT_FALSE(load->draining);

  dispatcher.DrainSession(worker->id);
  EXPECT_TRUE(dispatcher.LoadOf(worker->id)->draining);
  dispatcher.RemoveSession(worker->id, SessionEnd::kDrained, 0);
  EXPECT_FALSE(dispatcher.LoadOf(worker->id));
}

TEST_F(DispatcherLoad, CountsWhatWaitsInAChainAndWhoServesIt) {
  const Chain& chain = MakeChain("c");
  EnqueuePayloads(chain, {"1", "2", "3"});
  EXPECT_EQ(LoadOf(chain).received, clock.Now());
  Advance(Millis(2'000));
  auto worker = Connect({&chain}, {.messages = 1});
  auto leaving = Connect({&chain}, {.messages = 0});
  dispatcher.DrainSession(leaving->id);
  dispatcher.SetOnDisk(chain, {.messages = 7});

  const ChainLoad load = LoadOf(chain);
  EXPECT_EQ(load.workers, 1u) << "one that drains gets nothing more";
  EXPECT_EQ(load.waiting, 2u);
  EXPECT_GT(load.waiting_bytes, 0u);
  EXPECT_EQ(load.on_disk, 7u);
  EXPECT_EQ(load.in_flight, 1u);
  EXPECT_EQ(load.arrived, 3u);
  EXPECT_EQ(load.received, clock.Now() - Millis(2'000));
}

TEST_F(DispatcherLoad, RatesAreThoseOfTheLastSeconds) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1'000});
  for (int second = 0; second < 20; ++second) {
    EnqueuePayloads(chain, {"1", "2", "3", "4"});
    EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kAck));
    EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kAck));
    Advance(Millis(1'000));
  }
  EXPECT_THAT(LoadOf(chain).arrivals, DoubleNear(4, 0.9));
  EXPECT_THAT(LoadOf(chain).rates.deliveries, DoubleNear(4, 0.9));
  EXPECT_THAT(LoadOf(chain).rates.settles, DoubleNear(2, 0.5));
  EXPECT_THAT(dispatcher.LoadOf(worker->id)->rates.settles, DoubleNear(2, 0.5));

  Advance(Millis(5'000));
  EXPECT_EQ(LoadOf(chain).arrivals, 0);
  EXPECT_EQ(dispatcher.LoadOf(worker->id)->rates.settles, 0);
}

TEST_F(DispatcherLoad, ALeaseThatEndsIsCounted) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1}, Millis(5'000));
  EnqueuePayloads(chain, {"1"});
  Advance(Millis(5'000));
  EXPECT_EQ(dispatcher.LoadOf(worker->id)->tally.lost_leases, 1u);
  EXPECT_EQ(LoadOf(chain).tally.lost_leases, 1u);
}

// ------------------------------------------------------------------------------------------------ paused chains

TEST_F(DispatcherLoad, NothingOfAPausedChainIsDelivered) {
  const Chain& paused = MakeChain("paused");
  const Chain& other = MakeChain("other");
  auto worker = Connect({&paused, &other}, {.messages = 10});
  EnqueuePayloads(paused, {"1"});
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("1"));
  dispatcher.PauseChain(paused);
  EXPECT_TRUE(LoadOf(paused).paused);

  EnqueuePayloads(paused, {"2", "3"});
  EnqueuePayloads(other, {"o"});
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("o")) << "the other one goes on";
  EXPECT_EQ(LoadOf(paused).waiting, 2u);
  auto late = Connect({&paused}, {.messages = 10});
  EXPECT_THAT(late->TakePayloads(), IsEmpty());

  EXPECT_TRUE(Settle(*worker, worker->deliveries.front().id, Verdict::kAck)) << "what is in flight goes on";

  dispatcher.ResumeChain(paused);
  EXPECT_FALSE(LoadOf(paused).paused);
  std::vector<std::string> got = late->TakePayloads();
  for (std::string& payload : worker->TakePayloads()) got.push_back(std::move(payload));
  EXPECT_THAT(got, testing::UnorderedElementsAre("2", "3"));
}

TEST_F(DispatcherLoad, WhatAWorkerGivesBackOfAPausedChainWaits) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 2});
  auto other = Connect({&chain}, {.messages = 0});
  EnqueuePayloads(chain, {"1", "2"});
  dispatcher.PauseChain(chain);
  EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kRetry, Millis(1'000)));
  dispatcher.SetWindow(other->id, {.messages = 2});
  dispatcher.RemoveSession(worker->id, SessionEnd::kDrained, worker->deliveries.back().id);
  Advance(Millis(2'000));
  EXPECT_THAT(other->TakePayloads(), IsEmpty());
  dispatcher.ResumeChain(chain);
  EXPECT_THAT(other->TakePayloads(), testing::UnorderedElementsAre("1", "2"));
}

TEST_F(DispatcherLoad, APausedChainsSuspectKeepsNoWorkerFromOthers) {
  const Chain& paused = MakeChain("paused");
  const Chain& other = MakeChain("other");
  auto victim = Connect({&paused}, {.messages = 1});
  EnqueuePayloads(paused, {"poison"});
  dispatcher.PauseChain(paused);
  dispatcher.RemoveSession(victim->id, SessionEnd::kLost, victim->deliveries.back().id);

  auto worker = Connect({&paused, &other}, {.messages = 5});
  EnqueuePayloads(other, {"1", "2"});
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("1", "2"));
  for (const Delivery& delivery : std::vector<Delivery>(worker->deliveries))
    Settle(*worker, delivery.id, Verdict::kAck);
  EXPECT_THAT(worker->TakePayloads(), IsEmpty());
  dispatcher.ResumeChain(paused);
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("poison"));
}

TEST_F(DispatcherLoad, AWorkerKeptForALargeMessageOfAPausedChainIsFreeForOthers) {
  const Chain& paused = MakeChain("paused");
  const Chain& other = MakeChain("other");
  auto worker = Connect({&paused, &other}, {.messages = 10, .bytes = 100});
  Enqueue(other, {{.payload = std::string(60, 'x')}});
  EXPECT_EQ(worker->TakePayloads().size(), 1u);
  Enqueue(paused, {{.payload = std::string(90, 'l')}});
  dispatcher.PauseChain(paused);
  EnqueuePayloads(other, {"small"});
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("small"));
}

TEST_F(DispatcherLoad, AnEndDoesNotWaitForWhatIsPaused) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  dispatcher.PauseChain(chain);
  EnqueuePayloads(chain, {"1"});
  const Dispatcher::Undone undone = dispatcher.HoldSlow(clock.Now(), Millis(250));
  EXPECT_EQ(undone.waiting, 0u);
  EXPECT_EQ(undone.in_flight, 0u);
  EXPECT_EQ(dispatcher.Backlog(), 1u);
}

TEST(RateMeter, SaysNothingOfWhatIsLongAgo) {
  ManualClock clock;
  RateMeter meter;
  EXPECT_EQ(meter.PerSecond(clock.Now()), 0);
  meter.Look(0, clock.Now());
  clock.Advance(Millis(1'000));
  meter.Look(1'000'000, clock.Now());
  EXPECT_THAT(meter.PerSecond(clock.Now()), DoubleNear(1'000'000, 1));
  clock.Advance(Millis(60'000));
  EXPECT_EQ(meter.PerSecond(clock.Now()), 0);
  meter.Look(1'000'010, clock.Now());
  EXPECT_THAT(meter.PerSecond(clock.Now()), DoubleNear(2, 0.1)) << "ten within five seconds";
}

}  // namespace
}  // namespace sluice
