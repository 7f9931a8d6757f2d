#include "server/queue/in_flight.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(InFlightTable, FindsWhatIsInFlightAndNothingElse) {
  InFlightTable table;
  QueueEntry entry;
  const uint64_t id = table.Add(1, entry).id;
  ASSERT_NE(table.Find(id), nullptr);
  EXPECT_EQ(table.Find(id)->entry, &entry);
  EXPECT_EQ(table.Find(0), nullptr);
  EXPECT_EQ(table.Find(id + 1), nullptr);
  EXPECT_EQ(table.Find(~uint64_t{0}), nullptr);
}

TEST(InFlightTable, ARemovedIdStaysUnknownWhenItsSlotIsUsedAgain) {
  InFlightTable table;
  QueueEntry entry;
  const uint64_t old = table.Add(1, entry).id;
  table.Remove(*table.Find(old));
  EXPECT_EQ(table.Find(old), nullptr);
  const uint64_t id = table.Add(2, entry).id;
  EXPECT_EQ(table.slots().size(), 1u) << "the slot is used again";
  EXPECT_EQ(table.Find(old), nullptr);
  EXPECT_NE(table.Find(id), nullptr);
}

TEST(InFlightTable, IdsGrowWhateverSlotTheyGet) {
  InFlightTable table;
  std::vector<QueueEntry> entries(10);
  uint64_t sequence = 1;
  uint64_t last = 0;
  std::vector<uint64_t> ids;
  for (int round = 0; round < 100; ++round) {
    for (QueueEntry& entry : entries) {
      const uint64_t id = table.Add(sequence++, entry).id;
      EXPECT_GT(id, last);
      last = id;
      ids.push_back(id);
    }
    for (size_t i = 0; i < entries.size(); ++i) {  // In another order than they came.
      const size_t at = (i * 7 + static_cast<size_t>(round)) % ids.size();
      table.Remove(*table.Find(ids[at]));
      ids.erase(ids.begin() + static_cast<ptrdiff_t>(at));
    }
  }
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.slots().size(), 10u);
}

}  // namespace
}  // namespace sluice
