#include "server/tap/trace_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <ranges>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "server/tap/tap.h"
#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr size_t kMiB = 1u << 20;

class TraceRingTest : public testing::Test {
 protected:
  static void Tell(TraceRing& ring, const PassingNote& note) {
    ring.Add(
        std::span(&note, 1), [](const PassingNote& one) { return one.message_id; },
        [](const PassingNote& one) -> const PassingNote& { return one; });
  }
  void Tell(uint64_t message, std::string_view topic = "t") {
    Tell(ring_, {.step = PassingStep::kDelivered, .message_id = {1, message}, .topic = topic, .chain = "c"});
  }
  static std::vector<uint64_t> Messages(const TraceRing& ring) {
    std::vector<uint64_t> messages;
    ring.Visit([&](const TracedStep& step) { messages.push_back(step.message_id.low); });
    return messages;
  }

  ManualClock clock_;
  TraceRing ring_{clock_, {.keep = Millis(60'000), .max_bytes = kMiB, .max_steps_per_second = 0}};
};

TEST_F(TraceRingTest, GivesBackWhatAStepSays) {
  clock_.Advance(Millis(5));
  const SteadyTime received = clock_.Now();
  clock_.Advance(Millis(2));
  Tell(ring_, {.step = PassingStep::kReceived,
               .message_id = {7, 8},
               .topic = "plant/7/temp",
               .qos = Qos::kExactlyOnce,
               .retain = true,
               .connection = "plant",
               .chain = "c",
               .payload = "21.5",
               .received = received,
               .journaled = true});
  Tell(ring_, {.step = PassingStep::kConfirmed,
               .message_id = {7, 8},
               .connection = "plant",
               .chain = "c",
               .outcome = "the broker said no",
               .reply = 9});
  int seen = 0;
  ring_.Visit([&](const TracedStep& step) {
    EXPECT_EQ(step.message_id, (MessageId{7, 8}));
    EXPECT_EQ(step.connection, "plant");
    EXPECT_EQ(step.chain, "c");
    EXPECT_EQ(step.at, clock_.Now());
    if (seen++ == 0) {
      EXPECT_EQ(step.step, PassingStep::kReceived);
      EXPECT_EQ(step.topic, "plant/7/temp");
      EXPECT_EQ(step.qos, Qos::kExactlyOnce);
      EXPECT_TRUE(step.retain && step.journaled);
      EXPECT_EQ(step.received, received);
      EXPECT_EQ(step.payload_bytes, 4u);
    } else {
      EXPECT_EQ(step.outcome, "the broker said no");
      EXPECT_EQ(step.reply, 9u);
      EXPECT_EQ(step.topic, "");
    }
  });
  EXPECT_EQ(seen, 2);
}

TEST_F(TraceRingTest, NamesThatComeAgainAreNotMixedUp) {
  const std::vector<std::string> workers = {"a", "a", "", "b", "a", "", "a"};
  for (const std::string& worker : workers) Tell(ring_, {.step = PassingStep::kDelivered, .worker = worker});
  std::vector<std::string> seen;
  ring_.Visit([&](const TracedStep& step) { seen.emplace_back(step.worker); });
  EXPECT_EQ(seen, workers);
}

TEST_F(TraceRingTest, LongTextsAreCut) {
  const std::string longest(60'000, 'x');
  Tell(ring_, {.step = PassingStep::kDied,
               .topic = longest,
               .connection = longest,
               .chain = longest,
               .worker = longest,
               .outcome = longest,
               .detail = longest});
  ring_.Visit([](const TracedStep& step) {
    EXPECT_EQ(step.topic.size(), TraceRing::kMostTopic);
    EXPECT_TRUE(step.topic_cut);
    EXPECT_EQ(step.chain.size(), TraceRing::kMostName);
    EXPECT_EQ(step.detail.size(), TraceRing::kMostDetail);
  });
}

TEST_F(TraceRingTest, TheOldestGoAtTheBoundOfBytesAndItSaysFromWhenAllIsThere) {
  const SteadyTime begin = ring_.complete_since();
  uint64_t told = 0;
  while (ring_.complete_since() == begin) {
    clock_.Advance(Millis(1));
    Tell(++told);
    ASSERT_LT(told, 100'000u) << "nothing is ever dropped";
  }
  const std::vector<uint64_t> kept = Messages(ring_);
  EXPECT_LE(ring_.bytes(), kMiB);
  EXPECT_GT(kept.size(), 10'000u) << "a step takes some 50 bytes";
  EXPECT_EQ(*std::ranges::max_element(kept), told);
  const uint64_t oldest = *std::ranges::min_element(kept);
  EXPECT_EQ(kept.size(), told - oldest + 1) << "no hole";
  EXPECT_EQ(ring_.complete_since(), begin + Millis(oldest - 1)) << "the time of the last that went";
}

TEST_F(TraceRingTest, TheOldestGoAtTheBoundOfSteps) {
  ring_.SetConfig({.keep = Millis(60'000), .max_steps = 1'000, .max_bytes = kMiB});
  for (uint64_t i = 1; i <= 20'000; ++i) Tell(i);
  const std::vector<uint64_t> kept = Messages(ring_);
  EXPECT_LT(kept.size(), 2'000u) << "1,000, and those of the chunk that is being filled";
  EXPECT_EQ(*std::ranges::max_element(kept), 20'000u);
}

TEST_F(TraceRingTest, WhatIsTooOldIsNotShown) {
  Tell(1);
  clock_.Advance(Millis(59'000));
  Tell(2);
  clock_.Advance(Millis(2'000));
  EXPECT_THAT(Messages(ring_), ElementsAre(2));
  EXPECT_EQ(ring_.complete_since(), clock_.Now() - Millis(60'000));
}

TEST_F(TraceRingTest, OffItKeepsNothing) {
  Tell(1);
  ring_.SetConfig({.keep = Millis(0)});
  EXPECT_FALSE(ring_.on());
  EXPECT_EQ(ring_.bytes(), 0u);
  EXPECT_THAT(Messages(ring_), IsEmpty());
  Tap tap(clock_, &ring_);
  EXPECT_FALSE(tap.on());
  ring_.SetConfig({});
  EXPECT_TRUE(tap.on());
  EXPECT_FALSE(tap.watched());
  tap.Tell(PassingNote{.message_id = {1, 3}});
  EXPECT_THAT(Messages(ring_), ElementsAre(3));
}

TEST_F(TraceRingTest, AboveTheBoundASecondSomeMessagesAreKeptWholeAndOthersNotAtAll) {
  ring_.SetConfig({.keep = Millis(60'000), .max_bytes = kMiB, .max_steps_per_second = 1'000});
  const auto second_of = [this](uint64_t first, uint64_t count) {
    for (uint64_t i = first; i < first + count; ++i) {
      for (int step = 0; step < 2; ++step) Tell(i);
    }
    clock_.Advance(Millis(1'000));
    ring_.Tick(clock_.Now());
  };
  second_of(1, 2'000);
  EXPECT_EQ(ring_.one_in(), 4u);
  const SteadyTime sampled = clock_.Now();
  second_of(10'001, 2'000);
  std::map<uint64_t, int> steps;
  for (uint64_t message : Messages(ring_)) ++steps[message];
  int kept = 0;
  for (uint64_t message = 10'001; message <= 12'000; ++message) {
    const bool is_kept = ring_.Keeps({1, message});
    EXPECT_EQ(steps[message], is_kept ? 2 : 0) << message;
    EXPECT_EQ(ring_.complete_since({1, message}), is_kept ? ring_.complete_since() : clock_.Now()) << message;
    kept += is_kept ? 1 : 0;
  }
  EXPECT_NEAR(kept, 500, 25);
  EXPECT_LT(ring_.complete_since(), sampled) << "of those that are kept nothing is missing";

  second_of(20'001, 10);
  const SteadyTime all_again = clock_.Now();
  EXPECT_EQ(ring_.one_in(), 1u);
  second_of(20'011, 10);
  for (uint64_t message = 20'011; message <= 20'020; ++message) {
    EXPECT_LE(ring_.complete_since({1, message}), all_again);
  }
  EXPECT_EQ(Messages(ring_).back(), 20'020u);
}

TEST_F(TraceRingTest, ABurstWithinASecondIsNoRate) {
  ring_.SetConfig({.keep = Millis(60'000), .max_bytes = kMiB, .max_steps_per_second = 1'000});
  clock_.Advance(Millis(1'000));
  ring_.Tick(clock_.Now());
  for (int burst = 0; burst < 9; ++burst) {
    for (uint64_t i = 0; i < 100; ++i) Tell(i);
    clock_.Advance(Millis(1));
    EXPECT_GT(ring_.Tick(clock_.Now()), clock_.Now());
    EXPECT_EQ(ring_.one_in(), 1u);
  }
  clock_.Advance(Millis(991));
  ring_.Tick(clock_.Now());
  EXPECT_EQ(ring_.one_in(), 1u) << "900 in a second";
}

TEST_F(TraceRingTest, TheTapWantsWhatTheRingKeepsOrSomebodyLooksAt) {
  ring_.SetConfig({.keep = Millis(60'000), .max_bytes = kMiB, .max_steps_per_second = 1'000});
  for (uint64_t i = 0; i < 100'000; ++i) Tell(i);
  clock_.Advance(Millis(1'000));
  ring_.Tick(clock_.Now());
  Tap tap(clock_, &ring_);
  const auto wanted = [&tap] {
    return std::ranges::count_if(std::views::iota(0, 1'000),
                                 [&tap](int i) { return tap.Wants({1, static_cast<uint64_t>(i)}); });
  };
  EXPECT_NEAR(static_cast<double>(wanted()), 1'000.0 / 128, 4);
  const auto viewer = tap.Open({});
  ASSERT_TRUE(viewer.ok());
  EXPECT_EQ(wanted(), 1'000);
}

TEST_F(TraceRingTest, ThreadsWriteWhileOthersRead) {
  constexpr uint64_t kEach = 20'000;
  std::vector<std::thread> writers;
  for (uint64_t writer = 0; writer < 4; ++writer) {
    writers.emplace_back([this, writer] {
      for (uint64_t i = 0; i < kEach; ++i) Tell((writer << 32) | i, "some/topic");
    });
  }
  for (int i = 0; i < 20; ++i) {
    ring_.Tick(clock_.Now() + Millis(i));
    ring_.Visit([](const TracedStep& step) { ASSERT_EQ(step.topic, "some/topic"); });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_LE(ring_.bytes(), kMiB);
  EXPECT_GT(Messages(ring_).size(), 5'000u);
}

}  // namespace
}  // namespace sluice
