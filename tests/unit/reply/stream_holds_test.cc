#include "server/reply/stream_holds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class StreamHoldsTest : public ::testing::Test {
 protected:
  std::set<std::string, std::less<>> full_{"a", "b"};
  std::set<std::string, std::less<>> overdrawn_;
  std::vector<SessionId> held_;
  std::vector<SessionId> let_go_;
  StreamHolds holds_{{.allowance = {.messages = 10, .bytes = 1'000},
                      .full = [this](std::string_view connection) { return full_.contains(connection); },
                      .overdrawn = [this](std::string_view connection) { return overdrawn_.contains(connection); },
                      .hold = [this](SessionId session) { held_.push_back(session); },
                      .let_go = [this](SessionId session) { let_go_.push_back(session); }}};
};

TEST_F(StreamHoldsTest, OnlyTheStreamThatBringsMoreThanItsAllowanceIsHeld) {
  holds_.Charge(1, "a", {.messages = 9, .bytes = 9});
  holds_.Charge(2, "a", {.messages = 9, .bytes = 9});
  EXPECT_THAT(held_, IsEmpty());
  holds_.Charge(1, "a", {.messages = 1, .bytes = 1});
  EXPECT_THAT(held_, ElementsAre(1));
  holds_.Charge(3, "a", {.messages = 1, .bytes = 1'000});
  EXPECT_THAT(held_, ElementsAre(1, 3)) << "bytes count, too";
  full_.erase("a");
  holds_.Relieved("a");
  EXPECT_THAT(let_go_, ::testing::UnorderedElementsAre(1, 3));
}

TEST_F(StreamHoldsTest, WhenItIsOverdrawnWhoeverBringsAnythingIsHeld) {
  overdrawn_.insert("a");
  holds_.Charge(1, "b", {.messages = 1});
  EXPECT_THAT(held_, IsEmpty());
  holds_.Charge(2, "a", {.messages = 1});
  EXPECT_THAT(held_, ElementsAre(2));
}

TEST_F(StreamHoldsTest, OneThatIsHeldForTwoConnectionsWaitsForBoth) {
  holds_.Charge(1, "a", {.messages = 10});
  holds_.Charge(1, "b", {.messages = 10});
  EXPECT_THAT(held_, ElementsAre(1));
  holds_.Relieved("a");
  EXPECT_THAT(let_go_, IsEmpty());
  holds_.Relieved("b");
  EXPECT_THAT(let_go_, ElementsAre(1));
}

TEST_F(StreamHoldsTest, WhatComesAfterTheNewsOfRoomHoldsNobody) {
  full_.clear();
  holds_.Charge(1, "a", {.messages = 100});
  EXPECT_THAT(held_, IsEmpty());
}

TEST_F(StreamHoldsTest, AStreamThatEndsIsForgotten) {
  holds_.Charge(1, "a", {.messages = 10});
  holds_.Forget(1);
  EXPECT_THAT(let_go_, ElementsAre(1));
  holds_.Relieved("a");
  EXPECT_THAT(let_go_, ElementsAre(1));
}

}  // namespace
}  // namespace sluice
