// What every journal promises, whatever it keeps.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "server/journal/memory_journal.h"
#include "tests/unit/journal/journal_support.h"

namespace sluice::journal_test {
namespace {

struct Twin {
  const char* name;
  std::unique_ptr<Journal> (*make)(MemoryFiles& files);
};

class JournalConformance : public testing::TestWithParam<Twin> {
 protected:
  MemoryFiles files_;
  Scene scene_;
  std::unique_ptr<Journal> journal_ = GetParam().make(files_);
};

TEST_P(JournalConformance, GivesEachMessageOfQoS1And2ARecordOfItsOwn) {
  std::set<RecordId> seen;
  for (int i = 0; i < 3; ++i) {
    std::vector<RoutedMessage> batch;
    for (Qos qos : {Qos::kAtLeastOnce, Qos::kAtMostOnce, Qos::kExactlyOnce}) batch.push_back(scene_.Routed("x", qos));
    ASSERT_TRUE(journal_->Append(batch).ok());
    EXPECT_EQ(batch[1].record, 0u) << "QoS 0 is not journaled";
    for (size_t at : {0u, 2u}) {
      EXPECT_NE(batch[at].record, 0u);
      EXPECT_TRUE(seen.insert(batch[at].record).second);
    }
  }
  EXPECT_EQ(journal_->depth().ingress_messages, 6u);
}

TEST_P(JournalConformance, SettleEndsRecordsAndOpensTheOutboxsInOneStep) {
  auto batch = scene_.Batch({"a", "b"});
  ASSERT_TRUE(journal_->Append(batch).ok());
  std::vector<OutboxEntry> replies{scene_.Reply("1"), scene_.Reply("2"), scene_.Reply("3")};
  ASSERT_TRUE(journal_->Settle(std::vector<RecordId>{batch[0].record, 0}, replies).ok());
  EXPECT_EQ(journal_->depth().ingress_messages, 1u) << "record 0 is skipped";
  EXPECT_EQ(journal_->depth().outbox_messages, 3u);
  std::set<RecordId> records;
  for (const OutboxEntry& reply : replies) {
    EXPECT_NE(reply.record, 0u);
    EXPECT_TRUE(records.insert(reply.record).second);
  }
}

TEST_P(JournalConformance, AConfirmedReplyLeavesTheOutbox) {
  std::vector<OutboxEntry> replies{scene_.Reply("1"), scene_.Reply("2")};
  ASSERT_TRUE(journal_->Settle({}, replies).ok());
  journal_->Confirm(std::vector<RecordId>{replies[1].record});
  EXPECT_EQ(journal_->depth().outbox_messages, 1u);
}

TEST_P(JournalConformance, ADeadLetterLeavesTheIngress) {
  auto batch = scene_.Batch({"a", "b"});
  ASSERT_TRUE(journal_->Append(batch).ok());
  const DeadLetterNote note{.record = batch[0].record, .attempts = 5, .reason = "gave up"};
  ASSERT_TRUE(journal_->DeadLetter({&note, 1}).ok());
  EXPECT_EQ(journal_->depth().ingress_messages, 1u);
  EXPECT_EQ(journal_->depth().dead_letters, 1u);
}

TEST_P(JournalConformance, ADeadLetterIsKeptUntilItIsSettled) {
  auto batch = scene_.Batch({"a", "b"});
  ASSERT_TRUE(journal_->Append(batch).ok());
  const DeadLetterNote note{.record = batch[0].record, .attempts = 5, .reason = "gave up"};
  ASSERT_TRUE(journal_->DeadLetter({&note, 1}).ok());
  ASSERT_TRUE(journal_->Settle({&note.record, 1}, {}).ok());
  EXPECT_EQ(journal_->depth().ingress_messages, 1u);
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
  ASSERT_TRUE(journal_->Settle({&batch[1].record, 1}, {}).ok());
  EXPECT_EQ(journal_->depth().ingress_messages, 0u);
}

TEST_P(JournalConformance, TakesInPacketsOfQoS2WithTheirMessages) {
  auto batch = scene_.Batch({"a"});
  const ReceivedPacket packet{"plant", 7};
  ASSERT_TRUE(journal_->AppendReceived(batch, {&packet, 1}).ok());
  EXPECT_EQ(journal_->depth().ingress_messages, 1u);
  EXPECT_NE(batch[0].record, 0u);
  EXPECT_TRUE(journal_->Release({&packet, 1}).ok());
  EXPECT_TRUE(journal_->Release({&packet, 1}).ok()) << "unknown ones are ignored";
}

TEST_P(JournalConformance, TakesInWhatIsADeadLetterFromTheBegin) {
  auto batch = scene_.Batch({"a"});
  std::vector<Unroutable> dead(1);
  dead[0] = {.message = scene_.Routed("b"), .reason = "no route", .unix_ms = 5};
  dead[0].message.chain = nullptr;
  ASSERT_TRUE(journal_->AppendIntake(batch, dead, {}).ok());
  EXPECT_EQ(journal_->depth().ingress_messages, 1u);
  EXPECT_EQ(journal_->depth().dead_letters, 1u);
  EXPECT_NE(dead[0].message.record, 0u);
  EXPECT_NE(dead[0].message.record, batch[0].record);
  ASSERT_TRUE(journal_->Settle({&dead[0].message.record, 1}, {}).ok());
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
  EXPECT_EQ(journal_->depth().ingress_messages, 1u);
}

TEST_P(JournalConformance, TakesCallsWithNothingInThem) {
  EXPECT_TRUE(journal_->Append({}).ok());
  EXPECT_TRUE(journal_->Settle({}, {}).ok());
  EXPECT_TRUE(journal_->Settle(std::vector<RecordId>{0, 0}, {}).ok());
  journal_->Confirm({});
  EXPECT_TRUE(journal_->DeadLetter({}).ok());
  journal_->NoteAttempts({});
  EXPECT_TRUE(journal_->Release({}).ok());
  EXPECT_EQ(journal_->depth().ingress_messages, 0u);
}

INSTANTIATE_TEST_SUITE_P(Twins, JournalConformance,
                         testing::Values(Twin{"Memory",
                                              [](MemoryFiles&) -> std::unique_ptr<Journal> {
                                                return std::make_unique<MemoryJournal>();
                                              }},
                                         Twin{"Segments",
                                              [](MemoryFiles& files) -> std::unique_ptr<Journal> {
                                                return OpenJournal(TestOptions(files));
                                              }}),
                         [](const auto& twin) { return twin.param.name; });

}  // namespace
}  // namespace sluice::journal_test
