// Chains that messages or workers have named: forgotten when nobody uses them, counted and bounded together.
#include <gmock/gmock.h>

#include <set>

#include "server/route/chain_directory.h"
#include "tests/unit/queue/dispatcher_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

// Outlives the dispatcher.
struct OfADirectory {
  ChainDirectory directory{{.max_messages = 10, .max_bytes = 1'000'000}};
};

class BroughtChains : protected OfADirectory, public DispatcherTest {
 protected:
  static constexpr Millis kIdle{60'000};

  // As the ticker has it done, after as long as a chain may be idle.
  void Sweep() {
    dispatcher.ForgetIdle(kIdle);
    clock.Advance(kIdle);
    dispatcher.ForgetIdle(kIdle);
    directory.Sweep();
  }
  bool Known(const std::string& name) { return directory.Find(name) != nullptr; }
  // The values of the label `chain` that a family has.
  std::set<std::string> ChainsIn(const std::string& family) {
    std::set<std::string> chains;
    metrics.Visit([&](const std::string& name, const MetricsRegistry::Family& each) {
      if (name != family) return;
      for (const auto& series : each.series) {
        for (const auto& [label, value] : series.labels) {
          if (label == "chain") chains.insert(value);
        }
      }
    });
    return chains;
  }
  std::set<std::string> ChainsInMetrics() {
    std::set<std::string> families;
    metrics.Visit([&](const std::string& name, const MetricsRegistry::Family&) { families.insert(name); });
    std::set<std::string> chains;
    for (const std::string& family : families) chains.merge(ChainsIn(family));
    return chains;
  }
};

TEST_F(BroughtChains, AreForgottenWhenNobodyUsesThem) {
  EnqueuePayloads(*directory.ForMessage("a"), {"1"});
  Sweep();
  EXPECT_TRUE(Known("a")) << "a message waits";
  auto worker = Connect({directory.Find("a").get()}, {.messages = 10});
  const uint64_t id = worker->Take().id;
  worker->deliveries.clear();
  Sweep();
  EXPECT_TRUE(Known("a")) << "a message is in flight";
  EXPECT_TRUE(Settle(*worker, id, Verdict::kAck));
  Sweep();
  EXPECT_TRUE(Known("a")) << "a worker is there";
  dispatcher.RemoveSession(worker->id, SessionEnd::kLost, 0);
  Sweep();
  EXPECT_FALSE(Known("a"));
  EXPECT_THAT(dispatcher.Chains(), IsEmpty());
}

TEST_F(BroughtChains, AreForgottenNoEarlierThanTheyMayBe) {
  EnqueuePayloads(*directory.ForMessage("a"), {});
  dispatcher.SetOnDisk(*directory.ForMessage("a"), {.messages = 1});
  Sweep();
  EXPECT_TRUE(Known("a")) << "a message waits on disk";
  dispatcher.SetOnDisk(*directory.Find("a"), {.messages = 0});
  dispatcher.ForgetIdle(kIdle);
  clock.Advance(kIdle - Millis(1));
  dispatcher.ForgetIdle(kIdle);
  directory.Sweep();
  EXPECT_TRUE(Known("a"));
  clock.Advance(Millis(1));
  dispatcher.ForgetIdle(kIdle);
  directory.Sweep();
  EXPECT_FALSE(Known("a"));
}

TEST_F(BroughtChains, WhatIsConfiguredIsNeverForgotten) {
  EnqueuePayloads(directory.Keep("a"), {"1"});
  auto worker = Connect({&directory.Keep("a")}, {.messages = 10});
  Settle(*worker, worker->Take().id, Verdict::kAck);
  dispatcher.RemoveSession(worker->id, SessionEnd::kLost, 0);
  Sweep();
  EXPECT_THAT(dispatcher.Chains(), SizeIs(1));
  EXPECT_THAT(ChainsIn("sluice_deliveries_total"), ElementsAre("a"));
}

TEST_F(BroughtChains, AForgottenChainsPlaceIsAnotherChains) {
  for (const char* name : {"a", "b"}) {
    EnqueuePayloads(*directory.ForMessage(name), {name});
    auto worker = Connect({directory.Find(name).get()}, {.messages = 10});
    EXPECT_EQ(directory.Find(name)->index, 0u);
    {
      const Delivery delivery = worker->Take();
      EXPECT_EQ(delivery.chain->name, name);
      EXPECT_EQ(delivery.message->payload, name);
      Settle(*worker, delivery.id, Verdict::kAck);
    }
    worker->deliveries.clear();
    dispatcher.RemoveSession(worker->id, SessionEnd::kLost, 0);
    Sweep();
    EXPECT_FALSE(Known(name));
  }
}

TEST_F(BroughtChains, AForgottenChainsSeriesAreGone) {
  EnqueuePayloads(*directory.ForMessage("a"), {"1"});
  auto worker = Connect({directory.Find("a").get()}, {.messages = 10});
  EXPECT_THAT(ChainsInMetrics(), testing::Contains("a"));
  Settle(*worker, worker->Take().id, Verdict::kReject, Millis(0), "no");
  worker->deliveries.clear();
  listener.dead_letters.clear();
  dispatcher.RemoveSession(worker->id, SessionEnd::kLost, 0);
  Sweep();
  EXPECT_FALSE(Known("a"));
  EXPECT_THAT(ChainsInMetrics(), Not(testing::Contains("a"))) << "of whatever family";

  EnqueuePayloads(*directory.ForMessage("a"), {"1"});
  EXPECT_EQ(CounterOf("sluice_deliveries_total", "a"), 0u);
  EXPECT_EQ(GaugeOf("sluice_queue_messages", "a"), 1);
}

TEST_F(BroughtChains, SomeHaveSeriesOfTheirOwnAndTheRestIsCountedTogether) {
  for (int i = 0; i < 500; ++i) EnqueuePayloads(*directory.ForMessage("c" + std::to_string(i)), {"1", "2"});
  EXPECT_THAT(ChainsIn("sluice_queue_messages"), SizeIs(101));
  EXPECT_EQ(GaugeOf("sluice_queue_messages", "c0"), 2);
  EXPECT_EQ(GaugeOf("sluice_queue_messages", "(other)"), 800);
  EXPECT_EQ(GaugeOf("sluice_backlog_messages", "(other)"), 800);

  auto worker = Connect({directory.Find("c499").get()}, {.messages = 1});
  EXPECT_EQ(GaugeOf("sluice_queue_messages", "c499"), 1) << "who has a worker is somebody";
  EXPECT_EQ(GaugeOf("sluice_in_flight_messages", "c499"), 1);
  EXPECT_EQ(GaugeOf("sluice_queue_messages", "(other)"), 798);
  EXPECT_EQ(GaugeOf("sluice_in_flight_messages", "(other)"), 0);
}

// ---- room in memory

TEST_F(BroughtChains, SharedRoomThatIsFullHoldsBackTheOnesThatHaveSomethingInIt) {
  // Four times the room of one: 40 messages.
  for (int i = 0; i < 8; ++i)
    EnqueuePayloads(*directory.ForMessage("c" + std::to_string(i)), {"1", "2", "3", "4", "5"});
  EXPECT_THAT(listener.pressure, IsEmpty()) << "it is just full";
  EnqueuePayloads(*directory.ForMessage("late"), {"1"});
  EXPECT_THAT(listener.pressure, ElementsAre(Pair("late", true)));

  listener.pressure.clear();
  auto worker = Connect({directory.Find("late").get()}, {.messages = 10});
  EXPECT_THAT(listener.pressure, ElementsAre(Pair("late", false))) << "what its worker takes goes on";
  EnqueuePayloads(directory.Keep("configured"), {"1", "2", "3", "4", "5"});
  EXPECT_THAT(listener.pressure, SizeIs(1)) << "others have room of their own";
}

TEST_F(BroughtChains, HalfOfTheSharedRoomFreeLetsThemGoOn) {
  std::vector<const Chain*> chains;
  std::vector<ChainRef> held;
  for (int i = 0; i < 9; ++i) {
    held.push_back(directory.ForMessage("c" + std::to_string(i)));
    chains.push_back(held.back().get());
    EnqueuePayloads(*held.back(), {"1", "2", "3", "4", "5"});
  }
  EXPECT_THAT(listener.pressure, ElementsAre(Pair("c8", true)));
  listener.pressure.clear();
  chains.pop_back();
  auto worker = Connect(chains, {.messages = 24});
  EXPECT_THAT(listener.pressure, testing::Each(Pair(testing::_, true)));
  dispatcher.SetWindow(worker->id, {.messages = 25});
  std::map<std::string, bool> last(listener.pressure.begin(), listener.pressure.end());
  last["c8"] = true;
  for (const auto& [chain, high] : listener.pressure) last[chain] = high;
  EXPECT_THAT(last, testing::Each(Pair(testing::_, false)));
  EXPECT_EQ(GaugeOf("sluice_queue_messages", "c8"), 5) << "nobody has taken anything of it";
}

TEST_F(BroughtChains, OfQos0TheOldestGoWhereTheSharedRoomIsFull) {
  for (int i = 0; i < 8; ++i)
    EnqueuePayloads(*directory.ForMessage("c" + std::to_string(i)), {"1", "2", "3", "4", "5"});
  const ChainRef late = directory.ForMessage("late");
  for (const char* payload : {"1", "2", "3"}) Enqueue(*late, {{.payload = payload, .qos = Qos::kAtMostOnce}});
  EXPECT_THAT(Connect({late.get()}, {.messages = 10})->TakePayloads(), ElementsAre("3")) << "a little is everybody's";
}

}  // namespace
}  // namespace sluice
