#include "server/journal/memory_journal.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace sluice {
namespace {

std::vector<RoutedMessage> Messages(const std::vector<Qos>& qos) {
  std::vector<RoutedMessage> batch;
  for (Qos each : qos) {
    auto message = std::make_shared<Message>();
    message->qos = each;
    batch.emplace_back().message = std::move(message);
  }
  return batch;
}

TEST(MemoryJournal, GivesEachMessageOfQoS1And2ARecordOfItsOwn) {
  MemoryJournal journal;
  std::set<RecordId> seen;
  for (int i = 0; i < 3; ++i) {
    auto batch = Messages({Qos::kAtLeastOnce, Qos::kAtMostOnce, Qos::kExactlyOnce});
    ASSERT_TRUE(journal.Append(batch).ok());
    EXPECT_EQ(batch[1].record, 0u) << "QoS 0 is not journaled";
    for (size_t at : {0u, 2u}) {
      EXPECT_NE(batch[at].record, 0u);
      EXPECT_TRUE(seen.insert(batch[at].record).second);
    }
  }
  EXPECT_EQ(journal.depth().ingress_messages, 6u);
}

TEST(MemoryJournal, SettleEndsRecordsAndOpensTheOutboxsInOneStep) {
  MemoryJournal journal;
  auto batch = Messages({Qos::kAtLeastOnce, Qos::kAtLeastOnce, Qos::kAtMostOnce});
  ASSERT_TRUE(journal.Append(batch).ok());
  std::vector<OutboxEntry> replies(3);
  ASSERT_TRUE(journal.Settle(std::vector<RecordId>{batch[0].record, batch[2].record}, replies).ok());
  EXPECT_EQ(journal.depth().ingress_messages, 1u) << "record 0 is skipped";
  EXPECT_EQ(journal.depth().outbox_messages, 3u);
  std::set<RecordId> records;
  for (const OutboxEntry& reply : replies) {
    EXPECT_NE(reply.record, 0u);
    EXPECT_TRUE(records.insert(reply.record).second);
  }
}

TEST(MemoryJournal, AConfirmedReplyLeavesTheOutbox) {
  MemoryJournal journal;
  std::vector<OutboxEntry> replies(2);
  ASSERT_TRUE(journal.Settle({}, replies).ok());
  journal.Confirm(std::vector<RecordId>{replies[1].record});
  EXPECT_EQ(journal.depth().outbox_messages, 1u);
}

}  // namespace
}  // namespace sluice
