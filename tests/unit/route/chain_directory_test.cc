#include "server/route/chain_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "server/route/chain_sweeper.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;

const ChainOptions kDefaults;

TEST(ChainDirectory, EqualNamesAreTheSameChain) {
  ChainDirectory chains{kDefaults};
  const Chain& kept = chains.Keep("a");
  EXPECT_EQ(chains.ForMessage("a"), ChainRef(&kept));
  EXPECT_EQ(chains.ForWorker("a"), ChainRef(&kept));
  EXPECT_EQ(chains.Find("a"), ChainRef(&kept));
  EXPECT_EQ(chains.Find("b"), nullptr);
}

TEST(ChainDirectory, WhatMessagesBringIsBoundedAndForgottenWhenNobodyHoldsIt) {
  ChainDirectory chains{kDefaults, /*most_of_messages=*/2};
  ChainRef a = chains.ForMessage("a");
  EXPECT_FALSE(chains.at_bound());
  ChainRef b = chains.ForMessage("b");
  EXPECT_TRUE(chains.at_bound());
  EXPECT_EQ(chains.ForMessage("c"), nullptr);
  EXPECT_EQ(chains.ForMessage("a"), a) << "what is there is found";

  chains.Sweep();
  EXPECT_EQ(chains.forgettable(), 2u);
  a = nullptr;
  chains.Sweep();
  EXPECT_EQ(chains.forgettable(), 1u);
  EXPECT_EQ(chains.Find("a"), nullptr);
  EXPECT_EQ(chains.Find("b"), b);
  EXPECT_NE(chains.ForMessage("c"), nullptr);
}

TEST(ChainDirectory, WorkersAreNotRefusedForWhatMessagesBring) {
  ChainDirectory chains{kDefaults, /*most_of_messages=*/1};
  const ChainRef a = chains.ForMessage("a");
  const ChainRef b = chains.ForWorker("b");
  EXPECT_NE(b, nullptr);
  EXPECT_EQ(chains.ForMessage("b"), b) << "what a worker has named, messages may name";
  EXPECT_EQ(chains.ForMessage("c"), nullptr);
}

// One greedy device fills the places of messages with names that nobody serves, for as long as its messages wait.
TEST(ChainDirectory, ANameThatAWorkerServesTakesNoPlaceOfMessages) {
  ChainDirectory chains{kDefaults, /*most_of_messages=*/2};
  const ChainRef greedy = chains.ForMessage("x1");
  const ChainRef first_named_by_a_message = chains.ForMessage("line-1");
  EXPECT_TRUE(chains.at_bound());
  EXPECT_EQ(chains.ForWorker("line-1"), first_named_by_a_message);
  EXPECT_FALSE(chains.at_bound());
  EXPECT_EQ(chains.ForWorker("line-1"), first_named_by_a_message) << "counted once";
  EXPECT_NE(chains.ForMessage("x2"), nullptr);
}

TEST(ChainDirectory, WhatAWorkerHasNamedIsKeptAWhile) {
  ChainDirectory chains{kDefaults};
  SteadyTime now(Millis(1'000));
  ChainRef served = chains.ForWorker("served");
  chains.ForMessage("unserved");
  chains.Sweep(now, Millis(10));
  EXPECT_EQ(chains.forgettable(), 1u) << "messages have named the other one";
  served = nullptr;
  chains.Sweep(now += Millis(100), Millis(10));
  chains.Sweep(now += Millis(9), Millis(10));
  EXPECT_NE(chains.Find("served"), nullptr);
  chains.ForMessage("served");
  served = chains.Find("served");
  chains.Sweep(now += Millis(9), Millis(10));
  served = nullptr;
  chains.Sweep(now += Millis(9), Millis(10));
  EXPECT_NE(chains.Find("served"), nullptr) << "it was held meanwhile";
  chains.Sweep(now += Millis(10), Millis(10));
  EXPECT_EQ(chains.Find("served"), nullptr);
}

TEST(ChainDirectory, AChainRefMayOutliveIt) {
  std::vector<ChainRef> held;
  {
    ChainDirectory chains{kDefaults};
    held.emplace_back(&chains.Keep("configured"));
    held.push_back(chains.ForMessage("a"));
    chains.ForMessage("b");
  }
  EXPECT_EQ(held[0]->name, "configured");
  EXPECT_EQ(held[1]->name, "a");
}

TEST(ChainDirectory, WorkersHaveABoundToo) {
  ChainDirectory chains{kDefaults};
  std::vector<ChainRef> held;
  for (size_t i = 0; i < ChainDirectory::kMostOfWorkers; ++i) held.push_back(chains.ForWorker(std::to_string(i)));
  EXPECT_EQ(chains.ForWorker("one more"), nullptr);
  EXPECT_NE(chains.ForMessage("a message's"), nullptr);
  held.clear();
  chains.Sweep();
  EXPECT_NE(chains.ForWorker("one more"), nullptr);
}

TEST(ChainDirectory, WhatIsConfiguredStaysAndIsNotCounted) {
  ChainDirectory chains{kDefaults, /*most_of_messages=*/0};
  chains.Define("a", {.max_attempts = 9});
  const Chain* b = &chains.Keep("b");
  chains.Sweep();
  EXPECT_EQ(chains.Find("a")->options().max_attempts, 9u);
  EXPECT_EQ(chains.Find("b"), ChainRef(b));
  EXPECT_EQ(b->users, nullptr);
  EXPECT_EQ(chains.forgettable(), 0u);
}

TEST(ChainDirectory, IndexesStaySmallHoweverManyNamesCome) {
  ChainDirectory chains{kDefaults, 10};
  chains.Keep("configured");
  for (int round = 0; round < 1'000; ++round) {
    ChainRef one = chains.ForMessage("one " + std::to_string(round));
    ChainRef two = chains.ForMessage("two " + std::to_string(round));
    ASSERT_NE(one->index, two->index);
    ASSERT_LE(std::max(one->index, two->index), 2u);
    one = two = nullptr;
    chains.Sweep();
  }
}

TEST(ChainDirectory, NamesForPeopleAreTheConfigurationsFirst) {
  ChainDirectory chains{kDefaults};
  const ChainRef brought = chains.ForMessage("a");
  chains.Keep("c");
  chains.Keep("b");
  EXPECT_THAT(chains.Names(2), ElementsAre("b", "c"));
  EXPECT_THAT(chains.Names(9), ElementsAre("a", "b", "c"));
}

TEST(ChainDirectory, ThreadsMayComeAndGoWhileItIsSwept) {
  ChainDirectory chains{kDefaults, 4};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&chains] {
      for (int i = 0; i < 20'000; ++i) {
        const std::string name(1, static_cast<char>('a' + i % 5));
        ChainRef chain = chains.ForMessage(name);
        ChainRef copy = chain;
        EXPECT_TRUE(chain == nullptr || copy->name == name);
      }
    });
  }
  for (int i = 0; i < 2'000; ++i) chains.Sweep();
  for (std::thread& thread : threads) thread.join();
  chains.Sweep();
  EXPECT_EQ(chains.forgettable(), 0u);
}

TEST(ChainSweeper, LetsGoOfIdleChainsNowAndThenAndSoonAtTheBound) {
  ChainDirectory chains{kDefaults, /*most_of_messages=*/2};
  std::vector<Millis> idles;
  ChainSweeper sweeper(chains, [&](Millis idle) { idles.push_back(idle); }, Millis(20'000));
  SteadyTime now{};
  EXPECT_EQ(sweeper.Tick(now), now + Millis(5'000));
  EXPECT_TRUE(idles.empty()) << "there is nothing to forget";

  ChainRef a = chains.ForMessage("a");
  EXPECT_EQ(sweeper.Tick(now + Millis(1)), now + Millis(5'000)) << "others wake the ticker far more often";
  now += Millis(5'000);
  sweeper.Tick(now);
  EXPECT_THAT(idles, ElementsAre(Millis(20'000)));
  EXPECT_EQ(chains.forgettable(), 1u);

  const ChainRef b = chains.ForMessage("b");
  a = nullptr;
  now += Millis(5'000);
  EXPECT_EQ(sweeper.Tick(now), now + Millis(1'000));
  EXPECT_THAT(idles, ElementsAre(Millis(20'000), Millis(1'000)));
  EXPECT_EQ(chains.forgettable(), 1u);
}

TEST(ChainSweeper, AtTheBoundAWorkerThatComesBackFindsItsChain) {
  ChainDirectory chains{kDefaults, /*most_of_messages=*/1};
  ChainSweeper sweeper(chains, [](Millis /*idle*/) {}, Millis(20'000));
  chains.ForWorker("served");
  const ChainRef greedy = chains.ForMessage("x");
  SteadyTime now(Millis(1'000));
  for (int second = 0; second < 20; ++second) sweeper.Tick(now += Millis(1'000));
  EXPECT_NE(chains.ForMessage("served"), nullptr);
  sweeper.Tick(now += Millis(1'000));
  EXPECT_EQ(chains.ForMessage("served"), nullptr);
}

TEST(ChainDirectory, GivesChainsOtherOptionsWhileOthersReadTheOldOnes) {
  ChainDirectory chains{kDefaults};
  const Chain& a = chains.Define("a", {.max_attempts = 9});
  const Chain& b = chains.Keep("b");
  const ChainOptions& old = a.options();
  const std::vector<ChainRef> changed = chains.SetOptions({.max_attempts = 3}, {{"a", {.max_attempts = 7}}});
  EXPECT_EQ(changed.size(), 2u);
  EXPECT_EQ(old.max_attempts, 9u);
  EXPECT_EQ(a.options().max_attempts, 7u);
  EXPECT_EQ(b.options().max_attempts, 3u);
  EXPECT_EQ(chains.Keep("c").options().max_attempts, 3u);
  EXPECT_TRUE(chains.SetOptions({.max_attempts = 3}, {{"a", {.max_attempts = 7}}}).empty()) << "nothing differs";
}

TEST(ChainDirectory, WhatTheConfigurationNamesLaterIsNotForgottenAnyMore) {
  ChainDirectory chains{kDefaults, /*most_of_messages=*/1};
  const Chain* brought = chains.ForMessage("a").get();
  EXPECT_EQ(&chains.Keep("a"), brought);
  chains.Sweep();
  EXPECT_EQ(chains.Find("a").get(), brought);
  EXPECT_NE(chains.ForMessage("b"), nullptr) << "it takes no place of messages' names";
}

}  // namespace
}  // namespace sluice
