// Torn tails, flipped bits, files that do not belong there: nothing is lost in silence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "server/journal/inspect.h"
#include "tests/unit/journal/journal_support.h"

namespace sluice::journal_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::SizeIs;

class JournalDamageTest : public testing::Test {
 protected:
  SegmentJournalOptions Options(bool salvage = false) {
    SegmentJournalOptions options = TestOptions(files_);
    options.salvage = salvage;
    return options;
  }
  void Append(SegmentJournal& journal, const std::vector<std::string>& payloads) {
    auto batch = scene_.Batch(payloads);
    ASSERT_TRUE(journal.Append(batch).ok());
    for (const RoutedMessage& routed : batch) records_.push_back(routed.record);
  }
  // Where the frames of the only segment end.
  uint64_t End() { return InspectJournal("/journal", files_)->segments.back().bytes + kHeadSize; }

  MemoryFiles files_;
  Scene scene_;
  std::vector<RecordId> records_;
};

TEST_F(JournalDamageTest, CutsATornTailAtWhateverByte) {
  std::vector<uint64_t> ends;  // After each batch.
  {
    auto journal = OpenJournal(Options());
    for (const std::vector<std::string>& batch : {std::vector<std::string>{"a", "b"}, {"c"}, {"d", "e", "f"}}) {
      const uint64_t before = files_.written_bytes();
      Append(*journal, batch);
      ends.push_back((ends.empty() ? kHeadSize : ends.back()) + files_.written_bytes() - before);
    }
    files_.KillAfter(0);
  }
  files_.Reboot();
  const std::string whole = *files_.Content(PathOf(1));
  const std::vector<std::vector<std::string>> left{{}, {"a", "b"}, {"a", "b", "c"}, {"a", "b", "c", "d", "e", "f"}};
  for (uint64_t cut = kHeadSize; cut <= ends.back(); ++cut) {
    for (bool zeros : {true, false}) {
      std::string torn = whole.substr(0, cut);
      if (zeros) torn.resize(whole.size());
      files_.Put(PathOf(1), torn);
      const auto batches = static_cast<size_t>(std::ranges::count_if(ends, [&](uint64_t end) { return end <= cut; }));
      auto journal = OpenJournal(Options());
      ASSERT_NE(journal, nullptr) << "cut at " << cut;
      ASSERT_EQ(Payloads(AllMessages(*journal)), left[batches]) << "cut at " << cut;
      const uint64_t good = batches == 0 ? kHeadSize : ends[batches - 1];
      // Of what was cut, zeros at the end do not count.
      ASSERT_LE(journal->report().cut_bytes, cut - good);
      ASSERT_EQ(journal->report().cut_bytes > 0,
                whole.substr(good, cut - good).find_first_not_of('\0') != std::string::npos);
      ASSERT_THAT(journal->report().damage, SizeIs(0));
      auto batch = scene_.Batch({"next"});
      ASSERT_TRUE(journal->Append(batch).ok());
      journal.reset();
      journal = OpenJournal(Options());
      auto expected = left[batches];
      expected.emplace_back("next");
      ASSERT_EQ(Payloads(AllMessages(*journal)), expected) << "cut at " << cut;
    }
  }
}

TEST_F(JournalDamageTest, FindsAFlippedBitWhereverItIsAndSavesTheRest) {
  {
    auto journal = OpenJournal(Options());
    Append(*journal, {"a", "b"});
    Append(*journal, {"c"});
    std::vector<OutboxEntry> replies{scene_.Reply("r1"), scene_.Reply("r2")};
    ASSERT_TRUE(journal->Settle(std::vector<RecordId>{records_[1]}, replies).ok());
    Append(*journal, {"d", "e"});
    const DeadLetterNote note{records_[4], 5, "why", "w", 1};
    ASSERT_TRUE(journal->DeadLetter({&note, 1}).ok());
  }
  const std::string whole = *files_.Content(PathOf(1));
  const uint64_t end = End();
  const std::set<std::string> alive{"a", "c", "d", "e", "r1", "r2"};
  int refused = 0;
  for (uint64_t at = 0; at < end; ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    files_.Put(PathOf(1), flipped);
    auto plain = SegmentJournal::Open(Options());
    if (!plain.ok()) {
      ++refused;
      ASSERT_TRUE(absl::IsDataLoss(plain.status())) << plain.status();
      ASSERT_THAT(plain.status().ToString(), HasSubstr(PathOf(1)));
      ASSERT_THAT(plain.status().ToString(), HasSubstr("salvage"));
      ASSERT_EQ(*files_.Content(PathOf(1)), flipped) << "it was touched";
    } else {
      plain->reset();
      files_.Put(PathOf(1), flipped);
    }
    auto journal = OpenJournal(Options(true));
    ASSERT_NE(journal, nullptr);
    std::set<std::string> found;
    for (const std::string& payload : Payloads(AllMessages(*journal))) found.insert(payload);
    for (const std::string& payload : Payloads(AllReplies(*journal))) found.insert(payload);
    for (const auto& letter : AllDeadLetters(*journal)) found.emplace(letter.message.message->payload);
    std::vector<std::string> lost;
    std::ranges::set_difference(alive, found, std::back_inserter(lost));
    ASSERT_LE(lost.size(), plain.ok() ? 0u : 1u) << "byte " << at;
    if (!plain.ok()) {
      ASSERT_THAT(journal->report().damage, SizeIs(1));
      const JournalDamage& damage = journal->report().damage[0];
      ASSERT_TRUE(damage.offset <= at && at < damage.offset + damage.length) << "byte " << at;
    }
    auto batch = scene_.Batch({"next"});
    ASSERT_TRUE(journal->Append(batch).ok());
    journal.reset();
    journal = OpenJournal(Options());
    ASSERT_NE(journal, nullptr) << "a salvaged journal opens like any other";
    ASSERT_THAT(Payloads(AllMessages(*journal)), testing::Contains("next"));
  }
  // All but the doubled head and the last mark.
  EXPECT_GT(refused, static_cast<int>(end - kHeadSize) * 9 / 10);
}

TEST_F(JournalDamageTest, SavesWhatIsLeftWhenASegmentIsGoneOrUnreadable) {
  {
    auto journal = OpenJournal(Options());
    for (int i = 0; i < 24; ++i) Append(*journal, {std::to_string(i) + std::string(10'000, 'x')});
  }
  ASSERT_NE(files_.Content(PathOf(4)), nullptr);
  const std::string second = *files_.Content(PathOf(2));
  for (int how = 0; how < 4; ++how) {
    SCOPED_TRACE(how);
    std::map<std::string, std::string> saved;
    for (const std::string& path : files_.Paths()) saved[path] = *files_.Content(path);
    if (how == 0) files_.Remove(PathOf(2));
    if (how == 1) files_.Put(PathOf(2), "");
    if (how == 2) files_.Content(PathOf(2))->replace(0, kHeadSize, kHeadSize, '\0');
    if (how == 3) files_.Put(PathOf(2), second.substr(0, 30'000));
    auto refused = SegmentJournal::Open(Options());
    EXPECT_TRUE(absl::IsDataLoss(refused.status())) << refused.status();
    EXPECT_THAT(refused.status().ToString(), HasSubstr(PathOf(2)));
    auto journal = OpenJournal(Options(true));
    ASSERT_NE(journal, nullptr);
    const size_t left = AllMessages(*journal).size();
    EXPECT_GE(left, 18u);
    EXPECT_LT(left, 24u);
    journal.reset();
    journal = OpenJournal(Options());
    ASSERT_NE(journal, nullptr);
    EXPECT_EQ(AllMessages(*journal).size(), left);
    journal.reset();
    for (const auto& [path, content] : saved) files_.Put(path, content);
  }
}

TEST_F(JournalDamageTest, BytesOfASegmentInAPayloadNeverPassForRecords) {
  {
    auto journal = OpenJournal(Options());
    Append(*journal, {"inner"});
  }
  const std::string inner = files_.Content(PathOf(1))->substr(0, 1000);
  files_.Remove(PathOf(1));
  {
    auto journal = OpenJournal(Options());
    Append(*journal, {inner, "after"});
  }
  (*files_.Content(PathOf(1)))[kHeadSize + 1] ^= 1;
  auto journal = OpenJournal(Options(true));
  EXPECT_THAT(Payloads(AllMessages(*journal)), ElementsAre("after"));
}

TEST_F(JournalDamageTest, WhatAPowerLossLeavesInUnsyncedBytesNeedsNoSalvage) {
  auto options = Options();
  options.fsync = Fsync::kInterval;
  const auto append = [&](SegmentJournal& journal) {
    for (const char* payload : {"a", "b", "c"}) Append(journal, {payload});
  };
  {
    auto journal = OpenJournal(options);
    append(*journal);
    files_.KillAfter(0);
  }
  files_.Reboot();
  const uint64_t hole = files_.Content(PathOf(1))->find("boiler", kHeadSize + 100);
  (*files_.Content(PathOf(1)))[hole] = '\0';
  auto journal = OpenJournal(options);
  ASSERT_NE(journal, nullptr);
  EXPECT_THAT(Payloads(AllMessages(*journal)), SizeIs(2));
  ASSERT_THAT(journal->report().damage, SizeIs(1));
  EXPECT_TRUE(journal->report().damage[0].unsynced);
}

TEST_F(JournalDamageTest, RefusesForeignFilesAndOtherVersions) {
  files_.Put("/journal/notes.txt", "x");
  EXPECT_THAT(SegmentJournal::Open(Options()).status().ToString(), HasSubstr("/journal/notes.txt does not belong"));
  files_.Remove("/journal/notes.txt");
  files_.Put("/journal/lost+found", "");
  {
    auto journal = OpenJournal(Options());
  }
  const std::string made = *files_.Content(PathOf(1));

  files_.Put(PathOf(1), std::string(5000, 'x'));
  EXPECT_TRUE(absl::IsDataLoss(SegmentJournal::Open(Options()).status()));
  files_.Put(PathOf(1), made);
  files_.Put(PathOf(3), made);
  EXPECT_THAT(SegmentJournal::Open(Options()).status().ToString(), HasSubstr("says that it is segment 1"));
  files_.Remove(PathOf(3));

  SegmentHead head;
  head.sequence = 1;
  head.major = 2;
  files_.Put(PathOf(1), EncodeHead(head));
  EXPECT_THAT(SegmentJournal::Open(Options()).status().ToString(), HasSubstr("run the newer version of Sluice"));
  head.major = 0;
  files_.Put(PathOf(1), EncodeHead(head));
  EXPECT_THAT(SegmentJournal::Open(Options()).status().ToString(), HasSubstr("start with an empty directory"));
}

TEST_F(JournalDamageTest, RefusesRecordsOfANewerMinorVersionThatItDoesNotKnow) {
  SegmentHead head;
  head.sequence = 1;
  head.minor = 7;
  BatchEncoder batch;
  batch.AddCopy(static_cast<RecordKind>(kLastKind + 1), 0, "new");
  files_.Put(PathOf(1), EncodeHead(head) + std::string(batch.Finish(FrameSeed(head), kHeadSize)));
  const absl::Status status = SegmentJournal::Open(Options(true)).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(status.ToString(), HasSubstr("kind 11, written by format 1.7"));

  // What it knows it reads, and goes on in a segment of its own.
  batch.Clear();
  batch.AddMessage(9, scene_.Routed("x"));
  files_.Put(PathOf(1), EncodeHead(head) + std::string(batch.Finish(FrameSeed(head), kHeadSize)));
  auto journal = OpenJournal(Options());
  EXPECT_THAT(Payloads(AllMessages(*journal)), ElementsAre("x"));
  Append(*journal, {"y"});
  EXPECT_NE(files_.Content(PathOf(2)), nullptr);
}

TEST_F(JournalDamageTest, InspectingChangesNothing) {
  {
    auto journal = OpenJournal(Options());
    Append(*journal, {"a", "b"});
    EXPECT_TRUE(absl::IsFailedPrecondition(InspectJournal("/journal", files_).status())) << "it is in use";
  }
  (*files_.Content(PathOf(1)))[kHeadSize + 20] ^= 1;
  const std::string before = *files_.Content(PathOf(1));
  auto inspection = InspectJournal("/journal", files_);
  ASSERT_TRUE(inspection.ok()) << inspection.status();
  EXPECT_TRUE(inspection->report.Damaged());
  EXPECT_EQ(inspection->report.messages, 1u);
  EXPECT_THAT(inspection->ToString(), HasSubstr("DAMAGED: " + PathOf(1)));
  EXPECT_THAT(inspection->ToString(), HasSubstr("(a message)"));
  EXPECT_EQ(*files_.Content(PathOf(1)), before);
}

}  // namespace
}  // namespace sluice::journal_test
