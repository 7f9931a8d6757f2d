// The thread that writes dead letters: by itself, and to its end.
#include <gmock/gmock.h>

#include "tests/support/eventually.h"
#include "tests/unit/deadletter/dead_letters_fixture.h"

namespace sluice {
namespace {

// With the thread, and the machine's clock, since a thread waits for it.
class DeadLettersThreadTest : public DeadLettersTest {
 protected:
  DeadLettersThreadTest() {
    letters_ =
        std::make_unique<DeadLetters>(Clock::Real(), *journal_, *outbox_, store_,
                                      DeadLetterNames{.chain = [](std::string_view) { return nullptr; },
                                                      .route = [](std::string_view) { return nullptr; },
                                                      .connection = [this](const std::string&) { return Plant(); }},
                                      DeadLetterBacklog{}, *metrics_, [](bool) {});
  }
};

TEST_F(DeadLettersThreadTest, WritesByItself) {
  letters_->Start(nullptr);
  Die({"a"});
  EXPECT_TRUE(Eventually([&] { return store_.reasons().size() == 1; }));
}

TEST_F(DeadLettersThreadTest, StopWritesWhatWaitsAlsoAfterAFailure) {
  store_.FillDisk();
  letters_->Start(nullptr);
  Die({"a"});
  EXPECT_TRUE(Eventually([&] { return store_.attempts() > 0; }));
  Die({"b"});
  store_.FreeDisk();
  EXPECT_EQ(letters_->Stop(Clock::Real().Now() + kTestDeadline), 0u);
  EXPECT_EQ(store_.reasons().size(), 2u);
}

TEST_F(DeadLettersThreadTest, FlushWaitsForWhatWaitsAndLetsMoreCome) {
  letters_->Start(nullptr);
  Die({"a", "b"});
  letters_->Flush(Clock::Real().Now() + kTestDeadline);
  EXPECT_EQ(store_.reasons().size(), 2u);
  Die({"c"});
  EXPECT_EQ(letters_->Stop(Clock::Real().Now() + kTestDeadline), 0u);
  EXPECT_EQ(store_.reasons().size(), 3u);
}

TEST_F(DeadLettersThreadTest, StopGivesUpAtItsDeadlineAndSaysHowManyAreLeft) {
  store_.FillDisk();
  letters_->Start(nullptr);
  Die({"a", "b"});
  EXPECT_EQ(letters_->Stop(Clock::Real().Now()), 2u);
  EXPECT_EQ(journal_->depth().dead_letters, 2u);
}

}  // namespace
}  // namespace sluice
