#include "server/tap/tap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class TapTest : public testing::Test {
 protected:
  std::shared_ptr<Tap::Viewer> Open(TapFilter filter) {
    absl::StatusOr<std::shared_ptr<Tap::Viewer>> viewer = tap_.Open(std::move(filter));
    EXPECT_TRUE(viewer.ok()) << viewer.status();
    return *std::move(viewer);
  }
  // Topics of what was seen.
  std::vector<std::string> Take(Tap::Viewer& viewer) {
    Tap::Seen seen = tap_.Take(viewer, clock_.Now());
    dropped_ = seen.dropped;
    std::vector<std::string> topics;
    for (PassingEvent& event : seen.events) topics.push_back(std::move(event.topic));
    return topics;
  }
  void Pass(std::string_view topic, PassingNote note = {}) {
    note.topic = topic;
    tap_.Tell(note);
  }

  ManualClock clock_;
  Tap tap_{clock_};
  uint64_t dropped_ = 0;
};

TEST_F(TapTest, IsOnOnlyWhileSomebodyLooks) {
  EXPECT_FALSE(tap_.on());
  auto one = Open({});
  auto two = Open({});
  EXPECT_TRUE(tap_.on());
  one = nullptr;
  EXPECT_TRUE(tap_.on());
  two = nullptr;
  EXPECT_FALSE(tap_.on());
}

TEST_F(TapTest, ShowsWhatMatches) {
  auto topic = Open({.topic = "plant/+/temp"});
  auto chain = Open({.chain = "c"});
  auto worker = Open({.worker = "w"});
  auto rejected = Open({.outcome = "reject"});
  Pass("plant/7/temp", {.chain = "c"});
  Pass("plant/7/door", {.worker = "w/1"});
  Pass("x", {.worker = "spiffe://plant as w/2"});
  Pass("y", {.step = PassingStep::kSettled, .worker = "ww/1", .outcome = "reject"});
  Pass("z", {.step = PassingStep::kConfirmed, .outcome = "reject"});
  Pass("", {.chain = "c"});
  EXPECT_THAT(Take(*topic), ElementsAre("plant/7/temp"));
  EXPECT_THAT(Take(*chain), ElementsAre("plant/7/temp", ""));
  EXPECT_THAT(Take(*worker), ElementsAre("plant/7/door", "x"));
  EXPECT_THAT(Take(*rejected), ElementsAre("y"));
}

TEST_F(TapTest, ShowsTheStepsThatWereAskedFor) {
  auto viewer = Open({.steps = {PassingStep::kDied, PassingStep::kReceived}});
  Pass("a", {.step = PassingStep::kReceived});
  Pass("b", {.step = PassingStep::kSettled});
  Pass("c", {.step = PassingStep::kDied});
  EXPECT_THAT(Take(*viewer), ElementsAre("a", "c"));
}

TEST_F(TapTest, KeepsAsMuchOfAPayloadAsWasAskedFor) {
  auto none = Open({});
  auto some = Open({.payload_bytes = 2});
  Pass("t", {.payload = "secret"});
  const Tap::Seen without = tap_.Take(*none, clock_.Now());
  EXPECT_EQ(without.events.at(0).payload, "");
  EXPECT_EQ(without.events.at(0).payload_bytes, 6u);
  EXPECT_EQ(tap_.Take(*some, clock_.Now()).events.at(0).payload, "se");
}

TEST_F(TapTest, WhatComesFasterThanTheRateIsDroppedAndCounted) {
  auto viewer = Open({.rate = 2});
  for (const char* topic : {"1", "2", "3", "4", "5"}) Pass(topic);
  EXPECT_THAT(Take(*viewer), ElementsAre("1", "2"));
  EXPECT_EQ(dropped_, 3u);
  clock_.Advance(Millis(500));
  Pass("6");
  Pass("7");
  EXPECT_THAT(Take(*viewer), ElementsAre("6"));
  EXPECT_EQ(dropped_, 1u);
}

TEST_F(TapTest, WhoDoesNotReadHoldsABoundedNumber) {
  auto viewer = Open({.rate = 10'000, .payload_bytes = 65'536});
  for (size_t i = 0; i < Tap::kMostEvents + 5; ++i) Pass("t");
  EXPECT_THAT(Take(*viewer), SizeIs(Tap::kMostEvents));
  EXPECT_EQ(dropped_, 5u);
  clock_.Advance(Millis(1'000));
  const std::string large(65'536, 'x');
  for (int i = 0; i < 1'000; ++i) Pass("t", {.payload = large});
  EXPECT_LE(Take(*viewer).size(), Tap::kMostBytes / large.size() + 1);
}

TEST_F(TapTest, OnlySoManyLookAtOnce) {
  std::vector<std::shared_ptr<Tap::Viewer>> viewers;
  for (size_t i = 0; i < Tap::kMostViewers; ++i) viewers.push_back(Open({}));
  EXPECT_TRUE(absl::IsResourceExhausted(tap_.Open({}).status()));
  viewers.pop_back();
  EXPECT_TRUE(tap_.Open({}).ok());
  Pass("t");
  EXPECT_THAT(Take(*viewers.front()), ElementsAre("t"));
  EXPECT_THAT(Take(*viewers.front()), IsEmpty());
}

}  // namespace
}  // namespace sluice
