// What becomes of subscriptions when others take their place.
#include <string>
#include <vector>

#include "tests/unit/mqtt/subscription_set_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(SubscriptionSetTest, AsksForNewOnesBeforeItLeavesOldOnes) {
  UpAndGranted();
  set_.Replace({{.filter = "$share/g/b", .qos = Qos::kAtLeastOnce, .id = 2}, {.filter = "c", .id = 3}});
  EXPECT_THAT(Due(), ElementsAre(2)) << "what stays is not touched, the old one not left";
  EXPECT_FALSE(set_.ready());
  set_.Answered(2, 1);
  EXPECT_THAT(Leave(), ElementsAre(0));
  EXPECT_TRUE(set_.Left(0)) << "a remainder";
  EXPECT_TRUE(set_.ready());
  EXPECT_EQ(set_.Detail(), "");
}

TEST_F(SubscriptionSetTest, NewOnesTakeThePlacesOfWhatWasLeftAndThenOthers) {
  UpAndGranted();
  set_.Replace({{.filter = "c", .id = 3}, {.filter = "d", .id = 4}});
  EXPECT_THAT(Due(), ElementsAre(2, 3));
  set_.Answered(2, 0);
  set_.Answered(3, 0);
  EXPECT_THAT(Leave(), ElementsAre(0, 1));
  EXPECT_TRUE(set_.Left(0));
  EXPECT_TRUE(set_.Left(1));
  set_.Replace(
      {{.filter = "e", .id = 5}, {.filter = "c", .id = 3}, {.filter = "a", .id = 1}, {.filter = "f", .id = 6}});
  EXPECT_THAT(Due(), ElementsAre(0, 1, 4));
  EXPECT_EQ(set_.at(0).filter, "e");
  EXPECT_EQ(set_.at(1).filter, "a");
  EXPECT_EQ(set_.at(4).filter, "f");
}

TEST_F(SubscriptionSetTest, ThousandsAreAskedForInSeveralTurns) {
  UpAndGranted();
  std::vector<Subscription> wanted;
  for (int i = 0; i < 250; ++i) wanted.push_back({.filter = std::to_string(i)});
  set_.Replace(wanted);
  for (const size_t turn : {100u, 100u, 50u}) {
    EXPECT_EQ(Due().size(), turn);
    EXPECT_EQ(next_ <= clock_.Now(), turn == 100) << "the next turn comes at once";
  }
  for (size_t i = 2; i < 252; ++i) set_.Answered(i, 0);
  EXPECT_THAT(Leave(), ElementsAre(0, 1)) << "and what they replace is left after the last of them";
}

TEST_F(SubscriptionSetTest, LeavesOldOnesThoughANewOneIsRefused) {
  UpAndGranted();
  set_.Replace({{.filter = "c", .id = 3}});
  EXPECT_THAT(Due(), ElementsAre(2));
  set_.Answered(2, 0x87);
  EXPECT_THAT(Leave(), ElementsAre(0, 1));
}

TEST_F(SubscriptionSetTest, AsksAgainForWhatDiffersInMoreThanItsText) {
  UpAndGranted();
  set_.Replace({{.filter = "a", .qos = Qos::kExactlyOnce, .id = 1},
                {.filter = "$share/g/b", .qos = Qos::kAtLeastOnce, .id = 2}});
  EXPECT_THAT(Due(), ElementsAre(0));
  EXPECT_EQ(set_.at(0).qos, Qos::kExactlyOnce);
  EXPECT_TRUE(set_.HadRetained(0)) << "its retained messages have come";
}

TEST_F(SubscriptionSetTest, WhatDiffersWhileItIsAskedForIsAskedForAgainBehindTheAnswer) {
  set_.OnUp(false);
  EXPECT_THAT(Due(), ElementsAre(0, 1));
  set_.Replace({{.filter = "a", .qos = Qos::kExactlyOnce, .id = 1},
                {.filter = "$share/g/b", .qos = Qos::kAtLeastOnce, .id = 2}});
  EXPECT_THAT(Due(), IsEmpty());
  set_.Answered(0, 1);
  EXPECT_THAT(Due(), ElementsAre(0));
}

TEST_F(SubscriptionSetTest, WhatIsWantedAgainWhileItIsLeftIsAskedForAgain) {
  UpAndGranted();
  set_.Replace({{.filter = "$share/g/b", .qos = Qos::kAtLeastOnce, .id = 2}});
  EXPECT_THAT(Leave(), ElementsAre(0));
  set_.Replace({{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1},
                {.filter = "$share/g/b", .qos = Qos::kAtLeastOnce, .id = 2}});
  EXPECT_FALSE(set_.Left(0)) << "no remainder any more";
  EXPECT_THAT(Due(), ElementsAre(0));
}

TEST_F(SubscriptionSetTest, WhatIsWantedAgainWhileItIsLeftIsHadBeforeWhatWasInBetweenIsLeft) {
  UpAndGranted();
  set_.Replace({{.filter = "between", .qos = Qos::kAtLeastOnce, .id = 3}});
  EXPECT_THAT(Due(), ElementsAre(2));
  set_.Answered(2, 1);
  EXPECT_THAT(Leave(), ElementsAre(0, 1));
  set_.Replace({{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1}});
  EXPECT_THAT(Due(), IsEmpty()) << "or nothing would take the topic for a while";
  set_.Left(0);
  set_.Left(1);
  EXPECT_THAT(Due(), ElementsAre(0));
  set_.Answered(0, 1);
  EXPECT_THAT(Leave(), ElementsAre(2));
}

TEST_F(SubscriptionSetTest, ReplacedWhileItIsDownItAsksWithTheNextConnection) {
  UpAndGranted();
  set_.OnDown();
  set_.Replace({{.filter = "c", .id = 3}});
  set_.OnUp(/*session_present=*/true);
  EXPECT_THAT(Due(), ElementsAre(2));
  set_.Answered(2, 1);
  EXPECT_THAT(Leave(), ElementsAre(0, 1));
}

TEST_F(SubscriptionSetTest, StaysOutOfThoseThatItWasLastGiven) {
  UpAndGranted();
  set_.Replace({{.filter = "$share/g/b", .qos = Qos::kAtLeastOnce, .id = 2}});
  EXPECT_THAT(Leave(), ElementsAre(0));
  set_.Left(0);
  StayOut({0});
  EXPECT_THAT(Leave(), ElementsAre(1));
}

TEST_F(SubscriptionSetTest, ManyChangesTakeNoMoreRoomThanWhatIsThere) {
  UpAndGranted();
  for (int i = 0; i < 100; ++i) {
    set_.Replace({{.filter = "c/" + std::to_string(i), .id = 3}});
    for (const size_t index : Take().ask) set_.Answered(index, 1);
    for (const size_t index : Take().leave) set_.Left(index);
  }
  EXPECT_LE(set_.size(), 4u);
}

}  // namespace
}  // namespace sluice
