#include "server/queue/key_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace sluice {
namespace {

TEST(KeyTable, GivesTheTurnToTheFirstOfAKey) {
  KeyTable table;
  auto [a, a_is_new] = table.FindOrInsert("a");
  auto [again, again_is_new] = table.FindOrInsert("a");
  auto [b, b_is_new] = table.FindOrInsert("b");
  EXPECT_TRUE(a_is_new);
  EXPECT_FALSE(again_is_new);
  EXPECT_TRUE(b_is_new);
  EXPECT_EQ(a, again);
  EXPECT_NE(a, b);
}

TEST(KeyTable, AKeyThatComesAgainRemembersNothing) {
  KeyTable table;
  KeyState* state = table.FindOrInsert("a").first;
  state->worker = 7;
  table.Erase(*state);
  EXPECT_EQ(table.size(), 0u);
  auto [again, is_new] = table.FindOrInsert("a");
  EXPECT_TRUE(is_new);
  EXPECT_EQ(again->worker, 0u);
}

TEST(KeyTable, HoldsAnyNumberOfKeysAtStableAddresses) {
  KeyTable table;
  std::map<std::string, KeyState*> model;
  std::mt19937 random(1);
  for (int step = 0; step < 50'000; ++step) {
    const std::string key(1 + random() % 300, static_cast<char>('a' + random() % 26));
    auto it = model.find(key);
    if (it != model.end() && random() % 2 == 0) {
      table.Erase(*it->second);
      model.erase(it);
      continue;
    }
    auto [state, is_new] = table.FindOrInsert(key);
    EXPECT_EQ(is_new, it == model.end());
    EXPECT_EQ(state->key, key);
    if (!is_new) {
      EXPECT_EQ(state, it->second);
    }
    model[key] = state;
    ASSERT_EQ(table.size(), model.size());
  }
}

}  // namespace
}  // namespace sluice
