#include "server/journal/crash_marks.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

using Part = CrashMarks::Part;

class CrashMarksTest : public testing::Test {
 protected:
  // A process that takes up what the last one left. Without EndWell() the last one was killed.
  CrashMarks& Start() {
    marks_.reset();
    auto opened = CrashMarks::Open(folder_ / "crash-marks");
    EXPECT_TRUE(opened.ok()) << opened.status();
    marks_ = *std::move(opened);
    return *marks_;
  }
  CrashMark Mark(Part part = Part::kIntake) { return {marks_.get(), part}; }
  CrashMarks& now() { return *marks_; }

  const TempDir folder_;
  std::unique_ptr<CrashMarks> marks_;
};

TEST_F(CrashMarksTest, AProcessThatDiedOverNothingMakesNobodyCareful) {
  Start();
  EXPECT_FALSE(Mark().careful());
  CrashMark mark = Mark();
  mark.Some();
  mark.None();
  Start();
  EXPECT_FALSE(Mark().careful());
}

TEST_F(CrashMarksTest, ThePartThatHadSomethingInHandIsCarefulAndNoOther) {
  Start();
  Mark(Part::kReplies).Some();
  Start();
  EXPECT_TRUE(Mark(Part::kReplies).careful());
  EXPECT_FALSE(Mark(Part::kIntake).careful());
  EXPECT_FALSE(Mark(Part::kDeadLetters).careful());
}

TEST_F(CrashMarksTest, CountsDeathsInARowByItem) {
  Start();
  for (uint32_t deaths = 1; deaths <= 3; ++deaths) {
    Mark().One(7);
    Start();
    EXPECT_EQ(now().Deaths(Part::kIntake, 7), deaths);
  }
  EXPECT_EQ(now().Deaths(Part::kIntake, 8), 0u);
  EXPECT_EQ(now().Deaths(Part::kReplies, 7), 0u);
  CrashMark mark = Mark();
  mark.One(7);
  mark.None();
  EXPECT_EQ(now().Deaths(Part::kIntake, 7), 0u) << "it is innocent";
}

TEST_F(CrashMarksTest, EveryThreadHasItsOwn) {
  Start();
  CrashMark first = Mark();
  CrashMark second = Mark();
  first.One(1);
  second.One(2);
  second.None();
  Start();
  EXPECT_EQ(now().Deaths(Part::kIntake, 1), 1u);
  EXPECT_EQ(now().Deaths(Part::kIntake, 2), 0u);
}

TEST_F(CrashMarksTest, AnEndThatWasAskedForCountsNothingAndAGoodOneForgets) {
  Start();
  Mark().One(7);
  now().Pardon();
  Start();
  EXPECT_EQ(now().Deaths(Part::kIntake, 7), 0u);
  EXPECT_FALSE(Mark().careful());
  for (int i = 0; i < 2; ++i) {
    Mark().One(7);
    Mark(Part::kDeadLetters).One(8);
    Start();
  }
  now().EndWell();
  Start();
  EXPECT_EQ(now().Deaths(Part::kIntake, 7), 0u);
  // What the journal holds comes with each start.
  EXPECT_EQ(now().Deaths(Part::kDeadLetters, 8), 2u);
}

TEST_F(CrashMarksTest, CarefulnessEndsWithWhatHasPassed) {
  Start();
  Mark(Part::kReplies).Some();
  Start();
  CrashMark mark = Mark(Part::kReplies);
  for (uint64_t item = 1; item <= 500; ++item) {
    EXPECT_TRUE(mark.careful());
    mark.One(item);
    mark.None();
  }
  EXPECT_FALSE(mark.careful());
}

TEST_F(CrashMarksTest, WithoutAFileAMarkDoesNothing) {
  CrashMark mark(nullptr, Part::kIntake);
  mark.Some();
  mark.One(1);
  mark.None();
  EXPECT_FALSE(mark.careful());
  EXPECT_EQ(mark.Deaths(1), 0u);
}

}  // namespace
}  // namespace sluice
