#include "server/reply/connection_levels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class ConnectionLevelsTest : public ::testing::Test {
 protected:
  std::vector<std::pair<std::string, bool>> told_;
  ConnectionLevels levels_{{.messages = 160, .bytes = 16'000},
                           [this](const std::string& connection, bool full) { told_.emplace_back(connection, full); }};
  const size_t a_ = levels_.Add("a");
  const size_t b_ = levels_.Add("b");
};

TEST_F(ConnectionLevelsTest, AFullConnectionIsToldAndTheOtherIsNot) {
  levels_.Take("a", {.messages = 159});
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_FALSE(levels_.any_full());
  levels_.Take("a", {.messages = 1});
  EXPECT_THAT(told_, ElementsAre(Pair("a", true)));
  EXPECT_TRUE(levels_.any_full());
  EXPECT_EQ(levels_.room(a_).messages, 0u);
  EXPECT_EQ(levels_.room(b_).messages, 160u);
  levels_.Release(a_, {.messages = 79});
  EXPECT_EQ(told_.size(), 1u) << "not before half of it is free";
  levels_.Release(a_, {.messages = 1});
  EXPECT_THAT(told_, ElementsAre(Pair("a", true), Pair("a", false)));
  EXPECT_FALSE(levels_.any_full());
}

TEST_F(ConnectionLevelsTest, BytesFillItToo) {
  EXPECT_EQ(levels_.Take("b", {.messages = 1, .bytes = 16'000}), b_);
  EXPECT_THAT(told_, ElementsAre(Pair("b", true)));
  EXPECT_FALSE(levels_.overdrawn(b_));
  levels_.Take("b", {.messages = 1, .bytes = 16'000});
  EXPECT_TRUE(levels_.overdrawn(b_));
  EXPECT_FALSE(levels_.overdrawn(a_));
}

TEST_F(ConnectionLevelsTest, WhenAllTogetherAreFullThoseWithLittleGoOn) {
  std::vector<size_t> others;
  for (const char* name : {"c", "d", "e", "f", "g"}) {
    levels_.Add(name);
    others.push_back(levels_.Take(name, {.messages = 130}));
  }
  EXPECT_THAT(told_, ElementsAre(Pair("c", true), Pair("d", true), Pair("e", true), Pair("f", true), Pair("g", true)));
  told_.clear();
  levels_.Take("a", {.messages = 9});
  EXPECT_THAT(told_, IsEmpty()) << "a sixteenth is everybody's";
  EXPECT_EQ(levels_.room(a_).messages, 1u);
  levels_.Take("a", {.messages = 1});
  EXPECT_THAT(told_, ElementsAre(Pair("a", true)));
  told_.clear();
  for (const size_t other : others) levels_.Release(other, {.messages = 100});
  EXPECT_EQ(told_.size(), 6u);
  EXPECT_FALSE(levels_.any_full());
}

TEST_F(ConnectionLevelsTest, WhatIsOfNoConnectionHasRoomOfItsOwn) {
  EXPECT_EQ(levels_.Take("gone", {.messages = 3}), 0u);
  EXPECT_EQ(levels_.Number("gone"), 0u);
  EXPECT_EQ(levels_.Add("a"), a_) << "what was added before is the same";
  EXPECT_EQ(levels_.held(0).messages, 3u);
  EXPECT_EQ(levels_.held().messages, 3u);
}

}  // namespace
}  // namespace sluice
