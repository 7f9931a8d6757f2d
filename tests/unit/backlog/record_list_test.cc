#include "server/backlog/record_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(RecordList, GivesBackIdsInTheirOrder) {
  RecordList list;
  EXPECT_TRUE(list.empty());
  for (RecordId record : {7u, 8u, 300u, 5u}) list.PushBack(record);
  EXPECT_EQ(list.size(), 4u);
  EXPECT_THAT(list.Front(10), ElementsAre(7, 8, 300, 5));
  EXPECT_THAT(list.Front(2), ElementsAre(7, 8));
  list.PopFront(3);
  EXPECT_THAT(list.Front(10), ElementsAre(5));
  list.PopFront(1);
  EXPECT_THAT(list.Front(10), IsEmpty());
  list.PushBack(9);
  EXPECT_THAT(list.Front(10), ElementsAre(9));
}

TEST(RecordList, TakesAnyIds) {
  RecordList list;
  const std::vector<RecordId> records{UINT64_MAX, 0, UINT64_MAX / 2, 1, UINT64_MAX};
  for (RecordId record : records) list.PushBack(record);
  EXPECT_EQ(list.Front(10), records);
}

TEST(RecordList, IsAQueue) {
  std::mt19937 random(17);
  RecordList list;
  std::deque<RecordId> model;
  RecordId next = 1;
  for (int step = 0; step < 20'000; ++step) {
    const size_t count = random() % 40;
    if (random() % 2 == 0) {
      for (size_t i = 0; i < count; ++i) {
        next += random() % 200;
        list.PushBack(next);
        model.push_back(next);
      }
    } else {
      const size_t most = std::min(count, model.size());
      ASSERT_EQ(list.Front(most), std::vector<RecordId>(model.begin(), model.begin() + static_cast<long>(most)));
      list.PopFront(most);
      model.erase(model.begin(), model.begin() + static_cast<long>(most));
    }
    ASSERT_EQ(list.size(), model.size());
  }
}

}  // namespace
}  // namespace sluice
