#include "server/queue/indexed_heap.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace sluice {
namespace {

struct Item {
  uint32_t position = kNotInHeap;
};
using Heap = IndexedHeap<Item, int, &Item::position>;

TEST(IndexedHeap, KeepsTheSmallestOnTopWhateverIsPushedRemovedOrUpdated) {
  std::vector<Item> items(200);
  std::map<Item*, int> model;
  Heap heap;
  std::mt19937 random(1);
  for (int step = 0; step < 20'000; ++step) {
    Item& item = items[random() % items.size()];
    const int key = static_cast<int>(random() % 1'000);
    const bool in = Heap::Contains(item);
    EXPECT_EQ(in, model.contains(&item));
    if (!in) {
      heap.Push(item, key);
      model[&item] = key;
    } else if (random() % 2 == 0) {
      heap.Update(item, key);
      model[&item] = key;
    } else {
      heap.Remove(item);
      model.erase(&item);
    }
    ASSERT_EQ(heap.size(), model.size());
    if (model.empty()) continue;
    int least = 1'000;
    for (const auto& [each, its_key] : model) least = std::min(least, its_key);
    ASSERT_EQ(heap.top_key(), least);
    ASSERT_EQ(model.at(heap.top()), least);
  }
}

TEST(IndexedHeap, RemovingWhatIsNotInItDoesNothing) {
  Heap heap;
  Item in;
  Item out;
  heap.Push(in, 1);
  heap.Remove(out);
  EXPECT_EQ(heap.size(), 1u);
}

}  // namespace
}  // namespace sluice
