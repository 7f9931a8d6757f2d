#include "server/admin/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "tests/support/manual_clock.h"
#include "tests/unit/deadletter/letters.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Takes letters until told otherwise.
class FakeReplaySink final : public ReplaySink {
 public:
  // The journal fills up after so many more.
  void FillAfter(size_t count) { room_ = count; }
  void Refuse(const std::string& payload) { refused_.insert(payload); }
  std::function<void(const StoredLetter&)> on_taken = [](const StoredLetter&) {};

  std::vector<absl::Status> Replay(std::vector<StoredLetter> letters) override {
    std::vector<absl::Status> statuses;
    batches.push_back(letters.size());
    for (const StoredLetter& letter : letters) {
      const std::string payload(letter.message->payload);
      if (refused_.contains(payload)) {
        statuses.push_back(absl::FailedPreconditionError("the route is gone"));
      } else if (taken.size() >= room_) {
        statuses.push_back(absl::ResourceExhaustedError("the journal is full"));
      } else {
        taken.push_back(payload);
        on_taken(letter);
        statuses.push_back(absl::OkStatus());
      }
    }
    return statuses;
  }

  std::vector<std::string> taken;
  std::vector<size_t> batches;

 private:
  size_t room_ = SIZE_MAX;
  std::set<std::string> refused_;
};

class ReplayTest : public testing::Test {
 protected:
  ReplayTest() {
    auto store = DeadLetterStore::Open(":memory:", {.max_age = Millis(0)}, clock_, metrics_);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    replay_ = std::make_unique<Replay>(*store_, sink_);
  }
  // Payload and id are the number; died in its order.
  void Put(uint64_t number, const std::string& chain = "readings") {
    LetterSpec spec{.id = number, .chain = chain, .payload = std::to_string(number)};
    spec.died_unix_ms += static_cast<int64_t>(number);
    ASSERT_TRUE(PutOne(*store_, std::move(spec)).ok());
  }
  static MessageId Id(uint64_t number) { return MakeLetter({.id = number}).id; }
  ReplayReport All(const LetterFilter& filter = {}) {
    auto report = replay_->Matching(filter, [this] { return cancelled_; });
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : ReplayReport{};
  }

  ManualClock clock_;
  MetricsRegistry metrics_;
  std::unique_ptr<DeadLetterStore> store_;
  FakeReplaySink sink_;
  std::unique_ptr<Replay> replay_;
  bool cancelled_ = false;
};

TEST_F(ReplayTest, WhatMatchesGoesTheOldestFirstAndLeavesTheStore) {
  Put(2);
  Put(1);
  Put(3, "other");
  const ReplayReport report = All({.chain = "readings"});
  EXPECT_EQ(report.replayed, 2u);
  EXPECT_EQ(report.failed, 0u);
  EXPECT_EQ(report.stopped, "");
  EXPECT_THAT(sink_.taken, ElementsAre("1", "2"));
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("3"));
}

TEST_F(ReplayTest, ManyGoInBatches) {
  for (uint64_t i = 1; i <= 250; ++i) Put(i);
  EXPECT_EQ(All().replayed, 250u);
  EXPECT_THAT(sink_.batches, ElementsAre(100, 100, 50));
  EXPECT_EQ(store_->totals().messages, 0u);
}

TEST_F(ReplayTest, WhatDiesAgainMeanwhileStaysAndIsNotReplayedAgain) {
  for (uint64_t i = 1; i <= 150; ++i) Put(i);
  sink_.on_taken = [this](const StoredLetter& letter) {
    // A poison message: dead before the replay knows that it was taken.
    StoredLetter again = letter;
    again.died_unix_ms += 10'000;
    ASSERT_TRUE(store_->Put({&again, 1}).ok());
  };
  EXPECT_EQ(All().replayed, 150u);
  EXPECT_EQ(store_->totals().messages, 150u);
}

TEST_F(ReplayTest, WhatCannotGoStaysAndIsItemised) {
  for (uint64_t i = 1; i <= 3; ++i) Put(i);
  sink_.Refuse("2");
  const ReplayReport report = All();
  EXPECT_EQ(report.replayed, 2u);
  EXPECT_EQ(report.failed, 1u);
  ASSERT_THAT(report.failures, SizeIs(1));
  EXPECT_EQ(report.failures[0].id, Id(2).ToString());
  EXPECT_EQ(report.failures[0].message, "the route is gone");
  EXPECT_EQ(report.stopped, "");
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("2"));
}

TEST_F(ReplayTest, ItemisesTheFirstHundredFailures) {
  for (uint64_t i = 1; i <= 120; ++i) {
    Put(i);
    sink_.Refuse(std::to_string(i));
  }
  const ReplayReport report = All();
  EXPECT_EQ(report.failed, 120u);
  EXPECT_THAT(report.failures, SizeIs(100));
}

TEST_F(ReplayTest, AFullJournalStopsItAndTheRestStays) {
  for (uint64_t i = 1; i <= 150; ++i) Put(i);
  sink_.FillAfter(30);
  const ReplayReport report = All();
  EXPECT_EQ(report.replayed, 30u);
  EXPECT_EQ(report.failed, 0u);
  EXPECT_EQ(report.stopped, "the journal is full");
  EXPECT_THAT(sink_.batches, SizeIs(1)) << "no second batch is tried";
  EXPECT_EQ(store_->totals().messages, 120u);
}

TEST_F(ReplayTest, ByIdsTakesTheseAndSaysWhichAreNotThere) {
  for (uint64_t i = 1; i <= 3; ++i) Put(i);
  const auto report = replay_->ByIds(std::vector<MessageId>{Id(3), Id(9), Id(1)}, [] { return false; });
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->replayed, 2u);
  EXPECT_EQ(report->failed, 1u);
  EXPECT_THAT(report->failures[0].message, HasSubstr("there is no dead letter of id " + Id(9).ToString()));
  EXPECT_THAT(sink_.taken, ElementsAre("3", "1"));
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("2"));
}

TEST_F(ReplayTest, ACancelledCallStopsBetweenBatches) {
  for (uint64_t i = 1; i <= 150; ++i) Put(i);
  sink_.on_taken = [this](const StoredLetter&) { cancelled_ = true; };
  const ReplayReport report = All();
  EXPECT_EQ(report.replayed, 100u);
  EXPECT_THAT(report.stopped, HasSubstr("cancelled"));
  EXPECT_EQ(store_->totals().messages, 50u);
}

TEST_F(ReplayTest, WithNothingToDoNobodyIsAsked) {
  EXPECT_EQ(All().replayed, 0u);
  EXPECT_THAT(sink_.batches, IsEmpty());
}

}  // namespace
}  // namespace sluice
