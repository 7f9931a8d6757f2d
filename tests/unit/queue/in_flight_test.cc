#include "server/queue/in_flight.h"

#include <gtest/gtest.h>

#include <iterator>
#include <map>
#include <random>

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

TEST(InFlightTable, FindsIdsOfAnyDistanceInAnyOrderWhileOthersComeAndGo) {
  InFlightTable table;
  std::vector<QueueEntry> entries(1'000);
  std::mt19937_64 random(1);
  std::map<uint64_t, QueueEntry*> known;
  uint64_t next = 0;
  for (int step = 0; step < 100'000; ++step) {
    if (known.size() < entries.size() && random() % 2 == 0) {
      next += 1 + (step % 1'000 == 0 ? uint64_t{1} << 44 : random() % 64);
      QueueEntry& entry = entries[random() % entries.size()];
      EXPECT_EQ(table.Add(next, entry).id, next) << "an id is the delivery's number";
      known[next] = &entry;
    } else if (!known.empty()) {
      const auto it = std::next(known.begin(), static_cast<ptrdiff_t>(random() % std::min<size_t>(known.size(), 20)));
      ASSERT_NE(table.Find(it->first), nullptr);
      table.Remove(*table.Find(it->first));
      EXPECT_EQ(table.Find(it->first), nullptr);
      known.erase(it);
    }
    ASSERT_EQ(table.size(), known.size());
    if (step % 1'000 != 0) continue;
    for (const auto& [id, entry] : known) {
      ASSERT_NE(table.Find(id), nullptr);
      EXPECT_EQ(table.Find(id)->entry, entry);
      EXPECT_EQ(known.contains(id + 1), table.Find(id + 1) != nullptr);
    }
  }
}

TEST(InFlightTable, UsesItsSlotsAgain) {
  InFlightTable table;
  std::vector<QueueEntry> entries(10);
  uint64_t sequence = 1;
  std::vector<uint64_t> ids;
  for (int round = 0; round < 100; ++round) {
    for (QueueEntry& entry : entries) ids.push_back(table.Add(sequence++, entry).id);
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
