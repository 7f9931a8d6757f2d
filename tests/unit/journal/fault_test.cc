// A disk that fails: what was refused leaves nothing behind, and what was taken is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "server/journal/crc32c.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/journal/journal_support.h"

namespace sluice::journal_test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

SegmentJournalOptions Quiet(JournalFiles& files, Fsync fsync = Fsync::kOff) {
  SegmentJournalOptions options = TestOptions(files);
  options.fsync = fsync;
  options.on_warning = [](const std::string&) {};
  return options;
}

// Which call of which kind fails, and how.
struct Plan {
  void (MemoryFiles::*fail)(size_t, int);
  int error;
  size_t leave_behind;
  bool truncation_fails;
};

TEST(JournalFaults, AnErrorAtAnyCallLeavesNothingBehindAndLaterCallsSucceed) {
  const Scene scene;
  const Plan plans[] = {{&MemoryFiles::FailWritesAfter, ENOSPC, 0, false},
                        {&MemoryFiles::FailWritesAfter, EIO, 70, false},
                        {&MemoryFiles::FailWritesAfter, EIO, 9000, true},
                        {&MemoryFiles::FailAllocationsAfter, ENOSPC, 0, false}};
  for (const Plan& plan : plans) {
    for (size_t n = 0; n < 45; ++n) {
      SCOPED_TRACE(n);
      MemoryFiles files;
      auto journal = OpenJournal(Quiet(files));
      std::vector<std::string> expected;
      for (int i = 0; i < 40; ++i) {
        if (i == 5) {
          (files.*plan.fail)(n, plan.error);
          files.LeaveBehind(plan.leave_behind);
          if (plan.truncation_fails) files.FailTruncationsAfter(0, EIO);
        }
        const std::string payload = std::to_string(i) + std::string(4000, 'x');
        auto batch = scene.Batch({payload, payload});
        absl::Status status = journal->Append(batch);
        if (!status.ok()) {
          EXPECT_EQ(batch[0].record, 0u);
          EXPECT_EQ(absl::IsResourceExhausted(status), plan.error == ENOSPC) << status;
          EXPECT_THAT(status.ToString(), HasSubstr("/journal/00000000"));
          files.Heal();
          status = journal->Append(batch);
        }
        ASSERT_TRUE(status.ok()) << status;
        // Every second is settled, so that segments come and go.
        status = journal->Settle(std::vector<RecordId>{batch[0].record}, {});
        if (!status.ok()) {
          files.Heal();
          status = journal->Settle(std::vector<RecordId>{batch[0].record}, {});
        }
        ASSERT_TRUE(status.ok()) << status;
        expected.push_back(payload);
      }
      files.KillAfter(0);
      journal.reset();
      files.Reboot();
      journal = OpenJournal(Quiet(files));
      ASSERT_NE(journal, nullptr);
      ASSERT_EQ(Payloads(AllMessages(*journal)), expected);
    }
  }
}

TEST(JournalFaults, AFullDiskStillTakesSettlements) {
  MemoryFiles files;
  const Scene scene;
  auto journal = OpenJournal(Quiet(files));
  files.FailAllocationsAfter(0, ENOSPC);
  std::vector<RecordId> records;
  absl::Status status;
  while (status.ok()) {
    auto batch = scene.Batch({std::string(1000, 'x')});
    status = journal->Append(batch);
    if (status.ok()) records.push_back(batch[0].record);
  }
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("No space left"));
  for (RecordId record : records) ASSERT_TRUE(journal->Settle({&record, 1}, {}).ok());
  EXPECT_EQ(journal->depth().ingress_messages, 0u);
}

TEST(JournalFaults, AFullDiskStillTakesSettlementsWithTheirReplies) {
  MemoryFiles files;
  const Scene scene;
  auto journal = OpenJournal(Quiet(files));
  constexpr size_t kRoom = 9;  // Files that the disk holds, the lock's not counted.
  const auto take_room = [&] { files.Paths().size() < kRoom ? files.Heal() : files.FailAllocationsAfter(0, ENOSPC); };
  std::vector<RecordId> records;
  const std::string payload(1000, 'x');
  absl::Status status;
  while (true) {
    take_room();
    auto batch = scene.Batch({payload});
    status = journal->Append(batch);
    if (!status.ok()) break;
    records.push_back(batch[0].record);
  }
  ASSERT_TRUE(absl::IsResourceExhausted(status)) << status;
  ASSERT_GT(records.size(), 300u);
  for (RecordId record : records) {
    take_room();
    std::vector<OutboxEntry> replies{scene.Reply(std::string(750, 'r'))};
    status = journal->Settle({&record, 1}, replies);
    ASSERT_TRUE(status.ok()) << status << " with " << journal->depth().ingress_messages << " left";
    journal->Confirm({&replies[0].record, 1});
  }
  EXPECT_EQ(journal->depth().ingress_messages, 0u);
}

TEST(JournalFaults, ShortWritesAreCompleted) {
  MemoryFiles files;
  const Scene scene;
  files.ShortWrites(7);
  auto journal = OpenJournal(Quiet(files));
  auto batch = scene.Batch({"a", "b"});
  ASSERT_TRUE(journal->Append(batch).ok());
  journal = nullptr;
  journal = OpenJournal(Quiet(files));
  EXPECT_THAT(Payloads(AllMessages(*journal)), testing::ElementsAre("a", "b"));
}

TEST(JournalFaults, AConfirmationThatCouldNotBeWrittenFollowsWithTheNextBatch) {
  MemoryFiles files;
  const Scene scene;
  auto journal = OpenJournal(Quiet(files));
  std::vector<OutboxEntry> replies{scene.Reply("r")};
  ASSERT_TRUE(journal->Settle({}, replies).ok());
  files.FailWritesAfter(0, EIO);
  journal->Confirm(std::vector<RecordId>{replies[0].record});
  EXPECT_EQ(journal->depth().outbox_messages, 0u);
  files.Heal();
  auto batch = scene.Batch({"a"});
  ASSERT_TRUE(journal->Append(batch).ok());
  files.KillAfter(0);
  journal.reset();
  files.Reboot();
  journal = OpenJournal(Quiet(files));
  EXPECT_THAT(AllReplies(*journal), SizeIs(0));
}

TEST(JournalFaults, AFailedSyncIsFatalAndNeverTriedAgain) {
  for (size_t n = 0; n < 3; ++n) {
    MemoryFiles files;
    const Scene scene;
    std::vector<std::string> fatal;
    auto options = Quiet(files, Fsync::kAlways);
    options.on_fatal = [&](const std::string& text) { fatal.push_back(text); };
    auto journal = OpenJournal(options);
    files.FailSyncsAfter(n, EIO);
    absl::Status status;
    for (size_t i = 0; i < n + 1; ++i) {
      ASSERT_TRUE(status.ok());
      auto batch = scene.Batch({"a"});
      status = journal->Append(batch);
    }
    EXPECT_FALSE(status.ok());
    ASSERT_THAT(fatal, SizeIs(1));
    EXPECT_THAT(fatal[0], HasSubstr("cannot sync /journal/0000000001.seg"));
    files.Heal();
    const size_t syncs = files.sync_calls();
    const size_t writes = files.write_calls();
    auto batch = scene.Batch({"b"});
    EXPECT_FALSE(journal->Append(batch).ok());
    EXPECT_FALSE(journal->Sync().ok());
    journal.reset();
    EXPECT_EQ(files.sync_calls(), syncs);
    EXPECT_EQ(files.write_calls(), writes);
    EXPECT_THAT(fatal, SizeIs(1));
  }
}

TEST(JournalFaults, AFailedSyncOfANewSegmentIsFatalToo) {
  MemoryFiles files;
  const Scene scene;
  int fatal = 0;
  auto options = Quiet(files, Fsync::kInterval);
  options.on_fatal = [&](const std::string&) { ++fatal; };
  auto journal = OpenJournal(options);
  files.FailSyncsAfter(0, EIO);
  absl::Status status;
  for (int i = 0; i < 100 && status.ok(); ++i) {
    auto batch = scene.Batch({std::string(4000, 'x')});
    status = journal->Append(batch);
  }
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(fatal, 1);
}

TEST(JournalFaults, ASegmentThatCannotBeRemovedIsTriedAgainWithTheNext) {
  MemoryFiles files;
  const Scene scene;
  size_t warnings = 0;
  auto options = Quiet(files);
  options.on_warning = [&](const std::string& text) {
    EXPECT_THAT(text, HasSubstr("cannot remove " + PathOf(1)));
    ++warnings;
  };
  auto journal = OpenJournal(options);
  files.FailUnlinksAfter(0, EACCES);
  const auto pass = [&](int count) {
    for (int i = 0; i < count; ++i) {
      auto batch = scene.Batch({std::string(4000, 'x')});
      ASSERT_TRUE(journal->Append(batch).ok());
      ASSERT_TRUE(journal->Settle(std::vector<RecordId>{batch[0].record}, {}).ok());
    }
  };
  pass(60);
  EXPECT_LE(warnings, 5u) << "one for each new segment";
  EXPECT_GE(warnings, 1u);
  files.Heal();
  pass(20);
  EXPECT_EQ(files.Content(PathOf(1)), nullptr);
}

TEST(JournalFaults, AnIntervalSyncsWhatWasWrittenWithoutACall) {
  MemoryFiles files;
  const Scene scene;
  auto options = Quiet(files, Fsync::kInterval);
  options.background = true;
  options.sync_interval = Millis(1);
  auto journal = OpenJournal(options);
  const size_t before = files.sync_calls();
  auto batch = scene.Batch({"a"});
  ASSERT_TRUE(journal->Append(batch).ok());
  EXPECT_TRUE(Eventually([&] { return files.sync_calls() > before; }));
}

// On the machine's own files, with threads.

TEST(JournalOnDisk, ConcurrentCallersShareSyncsAndLoseNothing) {
  const TempDir directory;
  const Scene scene;
  SegmentJournalOptions options = TestOptions(JournalFiles::Posix());
  options.path = directory / "journal";
  options.background = true;
  constexpr int kThreads = 4;
  constexpr int kBatches = 60;
  {
    auto journal = OpenJournal(options);
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kBatches; ++i) {
          auto batch = scene.Batch({std::to_string(t) + "/" + std::to_string(i), std::string(3000, 'x')});
          ASSERT_TRUE(journal->Append(batch).ok());
          std::vector<OutboxEntry> replies{scene.Reply("r")};
          ASSERT_TRUE(journal->Settle(std::vector<RecordId>{batch[1].record}, replies).ok());
          journal->Confirm(std::vector<RecordId>{replies[0].record});
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(journal->depth().ingress_messages, static_cast<size_t>(kThreads * kBatches));
    ASSERT_TRUE(journal->Sync().ok());
    EXPECT_EQ(journal->depth().outbox_messages, 0u);
  }
  auto journal = OpenJournal(options);
  EXPECT_EQ(AllMessages(*journal, 100).size(), static_cast<size_t>(kThreads * kBatches));
  EXPECT_EQ(journal->report().cut_bytes, 0u);
}

TEST(JournalOnDisk, AConfirmationIsWrittenWithoutAnotherBatch) {
  MemoryFiles files;
  const Scene scene;
  SegmentJournalOptions options = TestOptions(files);
  options.fsync = Fsync::kOff;
  options.background = true;
  auto journal = OpenJournal(options);
  std::vector<OutboxEntry> replies{scene.Reply("first"), scene.Reply("second")};
  ASSERT_TRUE(journal->Settle({}, replies).ok());
  // The second comes when the thread has woken for the first.
  for (const OutboxEntry& reply : replies) {
    const size_t written = files.write_calls();
    journal->Confirm(std::vector<RecordId>{reply.record});
    EXPECT_TRUE(Eventually([&] { return files.write_calls() > written; }));
  }
  EXPECT_TRUE(Eventually([&] { return journal->depth().outbox_messages == 0; }));
}

TEST(JournalOnDisk, RecoversWhileItIsWrittenTo) {
  const TempDir directory;
  const Scene scene;
  SegmentJournalOptions options = TestOptions(JournalFiles::Posix());
  options.path = directory / "journal";
  options.fsync = Fsync::kInterval;
  options.background = true;
  {
    auto journal = OpenJournal(options);
    for (int i = 0; i < 300; ++i) {
      auto batch = scene.Batch({std::to_string(i) + std::string(1000, 'x')});
      ASSERT_TRUE(journal->Append(batch).ok());
    }
  }
  auto journal = OpenJournal(options);
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i) {
      auto batch = scene.Batch({std::string(1000, 'y')});
      ASSERT_TRUE(journal->Append(batch).ok());
      ASSERT_TRUE(journal->Settle(std::vector<RecordId>{batch[0].record}, {}).ok());
    }
  });
  size_t seen = 0;
  for (RecordId after = 0;;) {
    auto some = journal->ReadMessages(after, {.max_entries = 10});
    if (some.empty()) break;
    after = some.back().record;
    std::vector<RecordId> records;
    for (const RecoveredMessage& message : some) {
      if (message.message->payload.starts_with('y')) continue;  // The writer's.
      records.push_back(message.record);
      ++seen;
    }
    ASSERT_TRUE(journal->Settle(records, {}).ok());
  }
  writer.join();
  EXPECT_EQ(seen, 300u);
  EXPECT_EQ(journal->depth().ingress_messages, 0u);
}

TEST(JournalOnDisk, TheSecondOpenerIsToldWhoHasIt) {
  const TempDir directory;
  SegmentJournalOptions options = TestOptions(JournalFiles::Posix());
  options.path = directory / "journal";
  auto journal = OpenJournal(options);
  const absl::Status status = SegmentJournal::Open(options).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(status.ToString(), HasSubstr(options.path + "/LOCK is held by process " + std::to_string(getpid())));
  journal.reset();
  EXPECT_TRUE(SegmentJournal::Open(options).ok());
}

TEST(JournalOnDisk, ErrorsNameTheFile) {
  const TempDir directory;
  directory.Write("file", "x");
  SegmentJournalOptions options = TestOptions(JournalFiles::Posix());
  options.path = directory / "file";
  EXPECT_THAT(SegmentJournal::Open(options).status().ToString(), HasSubstr(options.path));
  EXPECT_THAT(JournalFiles::Posix().Open(directory / "none", JournalFiles::Mode::kRead).status().ToString(),
              HasSubstr("cannot open " + (directory / "none")));
}

TEST(Crc32c, IsThatOfTheRfc) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c("6789", Crc32c("12345")), 0xe3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
}

}  // namespace
}  // namespace sluice::journal_test
