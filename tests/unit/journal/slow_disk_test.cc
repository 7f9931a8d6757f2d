// A disk that stalls: who has written waits, nobody else does, and what gathers is written at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/stalling_files.h"
#include "tests/unit/journal/journal_support.h"

namespace sluice::journal_test {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class SlowDiskTest : public testing::Test {
 protected:
  static constexpr std::chrono::seconds kAtOnce{20};

  void Open(Fsync fsync = Fsync::kOff, size_t max_messages = 0) {
    SegmentJournalOptions options = TestOptions(files_);
    options.fsync = fsync;
    options.max_messages = max_messages;
    options.background = background_;
    options.on_warning = [](const std::string&) {};
    journal_ = OpenJournal(std::move(options));
  }
  // Its thread waits until it is written.
  std::future<absl::Status> Append(std::vector<std::string> payloads) {
    return std::async(std::launch::async, [this, payloads = std::move(payloads)] {
      auto batch = scene_.Batch(payloads);
      return journal_->Append(batch);
    });
  }
  std::future<absl::Status> Settle(RecordId record, std::string reply) {
    return std::async(std::launch::async, [this, record, reply = std::move(reply)] {
      OutboxEntry entry = scene_.Reply(reply);
      return journal_->Settle({&record, 1}, {&entry, 1});
    });
  }
  // True: `call` returns although the disk stalls.
  template <typename Call>
  bool ReturnsAtOnce(Call call) {
    auto done = std::async(std::launch::async, std::move(call));
    const bool returned = done.wait_for(kAtOnce) == std::future_status::ready;
    if (!returned) files_.GoOn();
    return returned;
  }
  std::vector<std::string> Payloads() {
    std::vector<std::string> payloads;
    for (const RecoveredMessage& message : AllMessages(*journal_)) payloads.emplace_back(message.message->payload);
    return payloads;
  }

  const Scene scene_;
  MemoryFiles disk_;
  StallingFiles files_{disk_};
  bool background_ = false;
  std::unique_ptr<SegmentJournal> journal_;
};

TEST_F(SlowDiskTest, WhoDoesNotWriteDoesNotWait) {
  background_ = true;
  Open();
  auto first = scene_.Batch({"1", "2"});
  ASSERT_TRUE(journal_->Append(first).ok());
  OutboxEntry reply = scene_.Reply("answer");
  ASSERT_TRUE(journal_->Settle({&first[0].record, 1}, {&reply, 1}).ok());

  files_.Stall();
  auto stuck = Append({"3"});
  ASSERT_TRUE(files_.AwaitWaiting(1));
  EXPECT_TRUE(ReturnsAtOnce([&] { EXPECT_TRUE(journal_->health().ok()); }));
  EXPECT_TRUE(ReturnsAtOnce([&] { EXPECT_EQ(journal_->depth().ingress_messages, 1u); }));
  EXPECT_TRUE(ReturnsAtOnce([&] { journal_->Confirm({&reply.record, 1}); }));
  EXPECT_TRUE(ReturnsAtOnce([&] { EXPECT_THAT(journal_->RecordsAfter(0, 10), ElementsAre(first[1].record)); }));
  EXPECT_TRUE(ReturnsAtOnce([&] { EXPECT_THAT(journal_->ReadMessages(0), SizeIs(1)); }));
  EXPECT_TRUE(ReturnsAtOnce([&] { EXPECT_TRUE(journal_->ReadReceived().empty()); }));
  // It stands in no journal, so it needs none.
  EXPECT_TRUE(ReturnsAtOnce([&] {
    RoutedMessage at_most_once = scene_.Routed("0", Qos::kAtMostOnce);
    EXPECT_TRUE(journal_->Append({&at_most_once, 1}).ok());
  }));
  EXPECT_EQ(stuck.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  files_.GoOn();
  EXPECT_TRUE(stuck.get().ok());
  EXPECT_THAT(Payloads(), ElementsAre("2", "3"));
}

TEST_F(SlowDiskTest, NobodyWaitsForTheBackgroundThread) {
  background_ = true;
  Open();
  auto batch = scene_.Batch({"1"});
  ASSERT_TRUE(journal_->Append(batch).ok());
  OutboxEntry reply = scene_.Reply("answer");
  ASSERT_TRUE(journal_->Settle({&batch[0].record, 1}, {&reply, 1}).ok());
  files_.Stall();
  journal_->Confirm({&reply.record, 1});  // Which writes it, within 20 ms.
  ASSERT_TRUE(files_.AwaitWaiting(1));
  EXPECT_TRUE(ReturnsAtOnce([&] { EXPECT_TRUE(journal_->health().ok()); }));
  EXPECT_TRUE(ReturnsAtOnce([&] { journal_->Confirm({&reply.record, 1}); }));
  files_.GoOn();
}

TEST_F(SlowDiskTest, WhatGathersIsWrittenAtOnceInTheOrderOfItsRecords) {
  Open();
  files_.Stall();
  auto first = Append({"1"});
  ASSERT_TRUE(files_.AwaitWaiting(1));
  std::vector<std::future<absl::Status>> others;
  for (int i = 0; i < 8; ++i) others.push_back(Append({std::to_string(10 * i), std::to_string(10 * i + 1)}));
  ASSERT_TRUE(Eventually([&] { return journal_->waiting() == 9; }));
  const int before = files_.writes();
  files_.GoOn();
  EXPECT_TRUE(first.get().ok());
  for (auto& other : others) EXPECT_TRUE(other.get().ok());
  EXPECT_EQ(files_.writes() - before, 1);

  const auto check = [&] {
    const std::vector<RecoveredMessage> all = AllMessages(*journal_);
    ASSERT_THAT(all, SizeIs(17));
    for (size_t i = 1; i < all.size(); ++i) EXPECT_LT(all[i - 1].record, all[i].record);
    // Each batch stays together.
    for (size_t i = 1; i < all.size(); i += 2) {
      EXPECT_EQ(std::stoi(std::string(all[i].message->payload)) + 1,
                std::stoi(std::string(all[i + 1].message->payload)));
    }
  };
  check();
  journal_.reset();
  disk_.Reboot();
  Open();
  check();
}

TEST_F(SlowDiskTest, OneSyncIsForAllThatWereWritten) {
  Open(Fsync::kAlways);
  files_.Stall();
  auto first = Append({"1"});
  ASSERT_TRUE(files_.AwaitWaiting(1));
  std::vector<std::future<absl::Status>> others;
  for (int i = 0; i < 8; ++i) others.push_back(Append({std::to_string(i)}));
  ASSERT_TRUE(Eventually([&] { return journal_->waiting() == 9; }));
  const size_t before = disk_.sync_calls();
  files_.GoOn();
  EXPECT_TRUE(first.get().ok());
  for (auto& other : others) EXPECT_TRUE(other.get().ok());
  EXPECT_LE(disk_.sync_calls() - before, 3u);
  disk_.LosePower();
  journal_.reset();
  disk_.Reboot();
  Open(Fsync::kAlways);
  EXPECT_THAT(Payloads(), SizeIs(9));
}

TEST_F(SlowDiskTest, TheBoundHoldsForWhatWaits) {
  Open(Fsync::kOff, /*max_messages=*/3);
  files_.Stall();
  auto first = Append({"1", "2"});
  ASSERT_TRUE(files_.AwaitWaiting(1));
  auto over = Append({"3", "4"});
  ASSERT_EQ(over.wait_for(kAtOnce), std::future_status::ready);
  EXPECT_TRUE(absl::IsResourceExhausted(over.get()));
  auto within = Append({"5"});
  ASSERT_TRUE(Eventually([&] { return journal_->waiting() == 2; }));
  files_.GoOn();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(within.get().ok());
  EXPECT_THAT(Payloads(), ElementsAre("1", "2", "5"));
  EXPECT_TRUE(absl::IsResourceExhausted(Append({"6"}).get()));
}

TEST_F(SlowDiskTest, AWriteThatFailsFailsForAllAndLeavesNothing) {
  Open();
  files_.Stall();
  auto first = Append({"1"});
  ASSERT_TRUE(files_.AwaitWaiting(1));
  std::vector<std::future<absl::Status>> others;
  for (int i = 0; i < 4; ++i) others.push_back(Append({std::to_string(i)}));
  ASSERT_TRUE(Eventually([&] { return journal_->waiting() == 5; }));
  disk_.LeaveBehind(40);
  disk_.FailWritesAfter(0, EIO);
  files_.GoOn();
  EXPECT_FALSE(first.get().ok());
  for (auto& other : others) EXPECT_FALSE(other.get().ok());
  EXPECT_FALSE(journal_->health().ok());
  disk_.Heal();
  EXPECT_TRUE(Append({"later"}).get().ok());
  EXPECT_TRUE(journal_->health().ok());
  journal_.reset();
  disk_.Reboot();
  Open();
  EXPECT_THAT(Payloads(), ElementsAre("later"));
}

TEST_F(SlowDiskTest, WhatStandsCloseTogetherIsReadAtOnce) {
  Open();
  std::vector<std::string> payloads;
  for (int i = 0; i < 500; ++i) payloads.push_back(std::to_string(i));
  auto batch = scene_.Batch(payloads);
  ASSERT_TRUE(journal_->Append(batch).ok());
  std::vector<RecordId> all;
  std::vector<RecordId> third;
  for (size_t i = 0; i < batch.size(); ++i) {
    all.push_back(batch[i].record);
    if (i % 3 == 0) third.push_back(batch[i].record);
  }
  const auto payloads_of = [&](const std::vector<RecordId>& records) {
    std::vector<std::string> read;
    for (const RecoveredMessage& message : journal_->ReadMessages(records).messages) {
      read.emplace_back(message.message->payload);
    }
    return read;
  };
  int before = files_.reads();
  EXPECT_EQ(payloads_of(all), payloads);
  EXPECT_EQ(files_.reads() - before, 1);
  before = files_.reads();
  EXPECT_THAT(payloads_of(third), SizeIs(167));
  EXPECT_EQ(files_.reads() - before, 1);
  // What has gone, is asked for twice, or out of order.
  ASSERT_TRUE(journal_->Settle({&all[7], 1}, {}).ok());
  EXPECT_THAT(payloads_of({all[9], all[7], all[2], all[2], all[400], 1'000'000}), ElementsAre("9", "2", "2", "400"));
}

TEST_F(SlowDiskTest, WhatEndsMessagesFindsRoomWhereNewOnesDoNot) {
  Open();
  auto batch = scene_.Batch({"1"});
  ASSERT_TRUE(journal_->Append(batch).ok());
  // To where only the reserve is left of the segment.
  while (journal_->depth().live_bytes < (64u << 10) * 14 / 16) {
    auto fill = scene_.Batch({std::string(1'000, 'x')});
    ASSERT_TRUE(journal_->Append(fill).ok());
  }
  files_.Stall();
  auto first = Settle(0, "first");
  ASSERT_TRUE(files_.AwaitWaiting(1));
  auto append = Append({std::string(6'000, 'y')});
  ASSERT_TRUE(Eventually([&] { return journal_->waiting() == 2; }));
  auto settle = Settle(batch[0].record, "answer");
  ASSERT_TRUE(Eventually([&] { return journal_->waiting() == 3; }));
  disk_.FailAllocationsAfter(0, ENOSPC);
  files_.GoOn();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(settle.get().ok());
  EXPECT_EQ(journal_->depth().outbox_messages, 2u);
  (void)append.get();
}

}  // namespace
}  // namespace sluice::journal_test
