#include "server/runtime/fill_level.h"

#include <gmock/gmock.h>

#include <thread>
#include <vector>

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FillLevelTest : public testing::Test {
 protected:
  std::vector<bool> told_;
  FillLevel level_{{.messages = 4, .bytes = 100}, [this](bool full) { told_.push_back(full); }};
};

TEST_F(FillLevelTest, TellsOnceAtTheBoundAndOnceAtHalf) {
  level_.Add({.messages = 3, .bytes = 3});
  EXPECT_THAT(told_, IsEmpty());
  level_.Add({.messages = 2, .bytes = 2});
  level_.Add({.messages = 1, .bytes = 1});
  EXPECT_THAT(told_, ElementsAre(true));
  level_.Remove({.messages = 3, .bytes = 3});
  EXPECT_THAT(told_, ElementsAre(true));
  level_.Remove({.messages = 1, .bytes = 1});
  level_.Remove({.messages = 2, .bytes = 2});
  EXPECT_THAT(told_, ElementsAre(true, false));
}

TEST_F(FillLevelTest, IsFullOfBytesToo) {
  level_.Add({.messages = 1, .bytes = 100});
  level_.Remove({.messages = 0, .bytes = 49});
  EXPECT_TRUE(level_.full());
  level_.Remove({.messages = 0, .bytes = 1});
  EXPECT_FALSE(level_.full());
  EXPECT_THAT(told_, ElementsAre(true, false));
}

TEST(FillLevelOfOneTest, IsFullOfOneUntilItIsGone) {
  std::vector<bool> told;
  FillLevel level({.messages = 1, .bytes = 0}, [&](bool full) { told.push_back(full); });
  level.Add({.messages = 1, .bytes = 1});
  level.Add({.messages = 1, .bytes = 1});
  level.Remove({.messages = 1, .bytes = 1});
  EXPECT_THAT(told, ElementsAre(true));
  level.Remove({.messages = 1, .bytes = 1});
  EXPECT_THAT(told, ElementsAre(true, false));
}

TEST_F(FillLevelTest, HasRoomUpToTheBoundAndNoneUntilItIsRelieved) {
  level_.Add({.messages = 1, .bytes = 10});
  EXPECT_EQ(level_.room().messages, 3u);
  EXPECT_EQ(level_.room().bytes, 90u);
  level_.Add({.messages = 5, .bytes = 0});
  EXPECT_EQ(level_.room().messages, 0u);
  level_.Remove({.messages = 3, .bytes = 0});
  EXPECT_EQ(level_.held().messages, 3u);
  EXPECT_EQ(level_.room().messages, 0u) << "not relieved yet";
  EXPECT_EQ(level_.room().bytes, 0u);
}

TEST(FillLevelThreadsTest, TellsInTurnsWhateverHappensAtOnce) {
  std::vector<bool> told;
  FillLevel level({.messages = 2, .bytes = 0}, [&](bool full) { told.push_back(full); });
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 2'000; ++round) {
        level.Add({.messages = 1, .bytes = 1});
        level.Remove({.messages = 1, .bytes = 1});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i], i % 2 == 0);
  EXPECT_EQ(told.size() % 2, 0u) << "nothing is held, and the last word was not that it is full";
}

}  // namespace
}  // namespace sluice
