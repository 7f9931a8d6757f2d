#include "server/journal/in_hand.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

class InHandTest : public testing::Test {
 protected:
  // A process that takes up what the last one left. Without EndWell() the last one was killed.
  InHand& Start() {
    in_hand_.reset();
    auto opened = InHand::Open(folder_ / "in-hand");
    EXPECT_TRUE(opened.ok()) << opened.status();
    in_hand_ = *std::move(opened);
    return *in_hand_;
  }
  InHand& now() { return *in_hand_; }

  const TempDir folder_;
  std::unique_ptr<InHand> in_hand_;
};

TEST_F(InHandTest, TheFirstStartFindsNothing) {
  Start();
  EXPECT_FALSE(now().crashed());
  EXPECT_FALSE(now().read_carefully());
  EXPECT_EQ(now().found(), 0u);
  EXPECT_EQ(now().Find(1).crashes, 0u);
}

TEST_F(InHandTest, CountsWhatWasInHandAtAKill) {
  Start().Take(5, /*begun=*/true, /*alone=*/false);
  now().Take(6, /*begun=*/false, /*alone=*/false);
  now().Drop(now().Take(7, true, false));
  now().Begun(now().Take(8, false, false));
  Start();
  EXPECT_TRUE(now().crashed());
  EXPECT_EQ(now().found(), 3u);
  EXPECT_EQ(now().Find(5).crashes, 1u);
  EXPECT_EQ(now().Find(5).uncounted, 1u);
  EXPECT_EQ(now().Find(6).crashes, 1u);
  EXPECT_EQ(now().Find(6).uncounted, 0u) << "no worker had begun it";
  EXPECT_EQ(now().Find(7).crashes, 0u);
  EXPECT_EQ(now().Find(8).uncounted, 1u);
}

TEST_F(InHandTest, CountsAddUpOverKillsUntilTheJournalKnows) {
  for (uint32_t kills = 0; kills < 3; ++kills) Start().Take(5, true, false);
  Start();
  EXPECT_EQ(now().Find(5).crashes, 3u);
  EXPECT_EQ(now().Find(5).uncounted, 3u);
  now().Counted(5);
  Start();
  EXPECT_EQ(now().Find(5).crashes, 3u) << "it was not in hand at the last one";
  EXPECT_EQ(now().Find(5).uncounted, 0u);
}

TEST_F(InHandTest, WhoWasAloneIsSaidOfTheLastKillOnly) {
  Start().Take(5, false, /*alone=*/true);
  Start();
  EXPECT_TRUE(now().Find(5).alone);
  EXPECT_EQ(now().Find(5).uncounted, 1u) << "alone counts as an attempt, begun or not";
  Start();
  EXPECT_FALSE(now().Find(5).alone);
}

TEST_F(InHandTest, AnEndWithAFarewellForgets) {
  Start().Take(5, true, false);
  Start().Take(5, true, false);
  now().EndWell();
  Start();
  EXPECT_TRUE(now().ended_well());
  EXPECT_FALSE(now().crashed());
  EXPECT_EQ(now().found(), 1u);
  EXPECT_EQ(now().Find(5).crashes, 0u);
}

TEST_F(InHandTest, APardonedEndCountsNothingAndForgetsNothing) {
  Start().Take(5, true, false);
  Start().Take(5, true, false);
  now().Pardon();
  Start();
  EXPECT_FALSE(now().crashed());
  EXPECT_FALSE(now().ended_well());
  EXPECT_EQ(now().Find(5).crashes, 1u);
}

TEST_F(InHandTest, WhatIsReadAtAKillIsReadCarefullyAndCounted) {
  Start().ReadingSome();
  Start().Reading(5);
  EXPECT_TRUE(now().read_carefully());
  EXPECT_EQ(now().Find(5).reads, 0u);
  Start();
  EXPECT_TRUE(now().read_carefully());
  EXPECT_EQ(now().Find(5).reads, 1u);
  now().ReadingDone();
  now().EndWell();
  Start();
  EXPECT_FALSE(now().read_carefully());
  EXPECT_EQ(now().Find(5).reads, 1u) << "what cannot be read will not be readable by itself";
}

TEST_F(InHandTest, ForgetsWhatTheJournalDoesNotHaveAnyMore) {
  Start().Take(5, true, false);
  now().Take(6, true, false);
  Start();
  EXPECT_EQ(now().Find(6).crashes, 1u);
  now().ForgetOthers();
  EXPECT_EQ(now().Find(5).crashes, 0u);
  Start();
  EXPECT_EQ(now().Find(5).crashes, 0u);
  EXPECT_EQ(now().Find(6).crashes, 1u);
}

TEST_F(InHandTest, WhatDoesNotFitIsNotRemembered) {
  Start();
  std::vector<InHand::Place> places;
  for (size_t i = 0; i < InHand::kMost; ++i) places.push_back(now().Take(i + 1, true, false));
  EXPECT_EQ(now().Take(InHand::kMost + 1, true, false), InHand::kNowhere);
  now().Drop(InHand::kNowhere);
  now().Drop(places[0]);
  EXPECT_EQ(now().Take(InHand::kMost + 1, true, false), places[0]);
  Start();
  EXPECT_EQ(now().found(), InHand::kMost);
  EXPECT_EQ(now().Find(InHand::kMost + 1).crashes, 1u);
  EXPECT_EQ(now().Find(1).crashes, 0u);
}

TEST_F(InHandTest, AFileThatIsNoneStartsAnew) {
  folder_.Write("in-hand", std::string(100'000, 'x'));
  Start();
  EXPECT_FALSE(now().crashed());
  EXPECT_EQ(now().found(), 0u);
  now().Take(5, true, false);
  Start();
  EXPECT_EQ(now().Find(5).crashes, 1u);
}

TEST_F(InHandTest, SaysWhyItCannotBeHad) {
  const auto opened = InHand::Open(folder_ / "nowhere/in-hand");
  EXPECT_FALSE(opened.ok());
  EXPECT_NE(opened.status().message().find("nowhere/in-hand: No such file"), std::string::npos) << opened.status();
}

}  // namespace
}  // namespace sluice
