// What is handed to a sink that waits for a disk: in order, together where it gathers, and what becomes of it when its
// connection goes.
#include "server/mqtt/wire/taker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "tests/support/eventually.h"
#include "tests/support/slow_sink.h"

namespace sluice::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class TakerTest : public testing::Test {
 protected:
  static Taker::Turn TurnOf(const std::vector<std::string>& payloads) {
    Taker::Turn turn;
    for (const std::string& payload : payloads) {
      const std::shared_ptr<Message> message = MakeMessage("t", payload);
      message->qos = Qos::kAtLeastOnce;
      turn.messages.push_back({.message = message, .subscription_ids = {}});
    }
    return turn;
  }
  void Add(const std::vector<std::string>& payloads) { taker_.Add(TurnOf(payloads)); }
  std::vector<std::string> Taken() const {
    std::vector<std::string> payloads;
    for (const InboundMessage& inbound : sink_.messages.values()) payloads.emplace_back(inbound.message->payload);
    return payloads;
  }
  // Until news have told of so many turns, taken or not.
  std::vector<std::pair<size_t, bool>> NewsOf(size_t turns) {
    std::vector<std::pair<size_t, bool>> all;
    EXPECT_TRUE(Eventually([&] {
      const Taker::News news = taker_.TakeNews();
      all.insert(all.end(), news.turns.begin(), news.turns.end());
      size_t count = 0;
      for (const auto& [some, taken] : all) count += some;
      return count >= turns;
    }));
    return all;
  }

  SlowSink sink_;
  std::atomic<int> posts_{0};
  Taker taker_{sink_, [this] { ++posts_; }};
};

TEST_F(TakerTest, WhatGathersGoesInOneCallInItsOrder) {
  sink_.Stall();
  Add({"1"});
  ASSERT_TRUE(sink_.AwaitWaiting());
  Add({"2", "3"});
  Add({"4"});
  EXPECT_THAT(taker_.TakeNews().turns, IsEmpty());
  sink_.GoOn();
  EXPECT_THAT(NewsOf(3), ElementsAre(Pair(1, true), Pair(2, true)));
  EXPECT_THAT(Taken(), ElementsAre("1", "2", "3", "4"));
  EXPECT_THAT(sink_.batches.values(), ElementsAre(1, 3));
}

TEST_F(TakerTest, TellsOnceUntilItsNewsAreTaken) {
  for (int i = 1; i <= 5; ++i) {
    Add({std::to_string(i)});
    ASSERT_TRUE(Eventually([&] { return sink_.messages.values().size() == static_cast<size_t>(i); }));
  }
  taker_.NoMore();
  taker_.Flush(Clock::Real(), Clock::Real().Now() + kTestDeadline);
  EXPECT_EQ(posts_, 1);
  NewsOf(5);
  Add({"6"});
  EXPECT_TRUE(Eventually([&] { return posts_ == 2; }));
}

TEST_F(TakerTest, WhatIsRefusedIsOfferedAgainBeforeWhatCameLater) {
  sink_.Fail(true);
  Add({"1"});
  ASSERT_TRUE(Eventually([&] { return taker_.TakeNews().refusal.has_value(); }));
  Add({"2"});
  EXPECT_THAT(Taken(), IsEmpty());
  sink_.Fail(false);
  NewsOf(2);
  EXPECT_THAT(Taken(), ElementsAre("1", "2"));
  EXPECT_FALSE(taker_.TakeNews().refusal);
}

TEST_F(TakerTest, ALostConnectionTakesAllWithItThatTheSinkHasNotBeenGiven) {
  sink_.Stall();
  Add({"1"});
  ASSERT_TRUE(sink_.AwaitWaiting());
  Add({"2"});
  Add({"3"});
  EXPECT_EQ(taker_.Abandon(), 2u);
  Add({"of the next connection"});
  sink_.GoOn();
  EXPECT_THAT(NewsOf(2), ElementsAre(Pair(1, true), Pair(1, true)));
  EXPECT_THAT(Taken(), ElementsAre("1", "of the next connection"));
}

TEST_F(TakerTest, WhatIsRefusedIsForgottenWithItsConnection) {
  sink_.Fail(true);
  Add({"1"});
  ASSERT_TRUE(Eventually([&] { return taker_.TakeNews().refusal.has_value(); }));
  EXPECT_EQ(taker_.Abandon(), 0u);
  EXPECT_THAT(NewsOf(1), ElementsAre(Pair(1, false)));
  sink_.Fail(false);
  Add({"2"});
  EXPECT_THAT(NewsOf(1), ElementsAre(Pair(1, true)));
  EXPECT_THAT(Taken(), ElementsAre("2"));
}

TEST_F(TakerTest, WhatTheBrokerSaysOfItsSessionIsToldEvenWhenItsConnectionIsGone) {
  sink_.Stall();
  Add({"1"});
  ASSERT_TRUE(sink_.AwaitWaiting());
  Taker::Turn turn = TurnOf({"2"});
  turn.session = Taker::Session::kLost;
  turn.released = {7};
  turn.filters = {{"a", true}};
  taker_.Add(std::move(turn));
  EXPECT_TRUE(taker_.SessionUntold());
  EXPECT_EQ(taker_.Abandon(), 1u);
  EXPECT_TRUE(taker_.SessionUntold());
  Add({"3"});
  sink_.GoOn();
  NewsOf(2);
  EXPECT_FALSE(taker_.SessionUntold());
  EXPECT_THAT(sink_.told.values(), ElementsAre("session lost", "granted a"));
  EXPECT_THAT(sink_.released.values(), IsEmpty());
  EXPECT_THAT(Taken(), ElementsAre("1", "3"));
}

TEST_F(TakerTest, FlushWaitsForAllThatIsToCome) {
  sink_.Stall();
  Add({"1"});
  taker_.NoMore();
  taker_.Flush(Clock::Real(), Clock::Real().Now() + Millis{1});
  EXPECT_THAT(Taken(), IsEmpty());
  sink_.GoOn();
  taker_.Flush(Clock::Real(), Clock::Real().Now() + kTestDeadline);
  EXPECT_THAT(Taken(), ElementsAre("1"));
  EXPECT_EQ(posts_, 1);
}

TEST_F(TakerTest, StopLeavesWhatTheSinkHasNotBeenGiven) {
  sink_.Fail(true);
  Add({"1"});
  ASSERT_TRUE(Eventually([&] { return taker_.TakeNews().refusal.has_value(); }));
  Add({"2"});
  taker_.Stop();
  taker_.Stop();
  EXPECT_THAT(Taken(), IsEmpty());
}

}  // namespace
}  // namespace sluice::wire
