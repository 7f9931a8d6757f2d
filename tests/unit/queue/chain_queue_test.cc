#include "server/queue/chain_queue.h"

#include <gmock/gmock.h>

#include <deque>
#include <string>

namespace sluice {
namespace {

using ::testing::ElementsAre;

class ChainQueueTest : public ::testing::Test {
 protected:
  Entry& Make(std::string_view key = {}, bool qos0 = false) {
    Entry& entry = entries_.emplace_back();
    entry.message.ordering_key = key;
    entry.sequence = entries_.size();
    entry.bytes = 10;
    entry.qos0 = qos0;
    return entry;
  }
  Entry& Add(std::string_view key = {}, bool qos0 = false) {
    Entry& entry = Make(key, qos0);
    queue.Add(entry);
    return entry;
  }
  Entry& Take() {
    Entry& entry = *queue.Front();
    queue.TakeFront();
    entry.was_out = true;
    return entry;
  }
  std::vector<uint64_t> TakeAll() {
    std::vector<uint64_t> sequences;
    while (queue.Front() != nullptr) sequences.push_back(Take().sequence);
    return sequences;
  }
  void PutBack(std::vector<Entry*> entries) { queue.PutBack(entries); }

  ChainOptions options;
  WaitingTimers timers;
  ChainQueue queue{options, timers};

 private:
  std::deque<Entry> entries_;
};

TEST_F(ChainQueueTest, IsFirstInFirstOut) {
  for (int i = 0; i < 4; ++i) Add();
  EXPECT_THAT(TakeAll(), ElementsAre(1, 2, 3, 4));
}

TEST_F(ChainQueueTest, WhatComesBackGoesFirstInOrderOfArrival) {
  for (int i = 0; i < 6; ++i) Add();
  Entry& one = Take();
  Entry& two = Take();
  Entry& three = Take();
  Entry& four = Take();
  PutBack({&four, &two});
  PutBack({&three, &one});
  EXPECT_THAT(TakeAll(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(ChainQueueTest, CountsMessagesAndBytesThatWait) {
  Add();
  Add("k");
  Add("k");
  EXPECT_EQ(queue.messages(), 3u);
  EXPECT_EQ(queue.bytes(), 30u);
  Entry& first = Take();
  EXPECT_EQ(queue.messages(), 2u);
  queue.Delay(first, SteadyTime(Millis(1)));
  EXPECT_EQ(queue.bytes(), 30u);
  queue.ReleaseDue(first);
  EXPECT_EQ(queue.bytes(), 20u);
}

TEST_F(ChainQueueTest, TheNextOfAKeyIsReadyWhenTheOneBeforeIsReleased) {
  Entry& first = Add("k");
  Add("k");
  EXPECT_THAT(TakeAll(), ElementsAre(1));
  queue.Release(first);
  EXPECT_THAT(TakeAll(), ElementsAre(2));
}

TEST_F(ChainQueueTest, ForgetsAKeyWithItsLastMessage) {
  Entry& first = Add("k");
  Entry& second = Add("k");
  EXPECT_EQ(queue.keys(), 1u);
  Take();
  queue.Release(first);
  queue.Drop(second);
  EXPECT_EQ(queue.keys(), 0u);
  EXPECT_EQ(queue.messages(), 0u);
}

TEST_F(ChainQueueTest, TheNextOfAKeyInheritsThePlaceOfADroppedOne) {
  Entry& first = Add("k");
  Add("k");
  Add();
  queue.Drop(first);
  EXPECT_THAT(TakeAll(), ElementsAre(2, 3));
}

TEST_F(ChainQueueTest, ADelayedMessageKeepsItsKeysTurn) {
  Entry& first = Add("k");
  Add("k");
  Take();
  queue.Delay(first, SteadyTime(Millis(1)));
  EXPECT_EQ(queue.Front(), nullptr);
  queue.ReleaseDue(first);
  PutBack({&first});
  EXPECT_THAT(TakeAll(), ElementsAre(1));
}

TEST_F(ChainQueueTest, DroppingWorksFromAnyPlace) {
  Entry& returned = Add("a");
  Entry& delayed = Add("b");
  Take();
  Take();
  PutBack({&returned});
  queue.Delay(delayed, SteadyTime(Millis(1)));
  Entry& ready = Add();
  Entry& behind = Add("b");
  Add("a");
  for (Entry* entry : {&behind, &ready, &delayed, &returned}) queue.Drop(*entry);
  EXPECT_EQ(queue.messages(), 1u);
  EXPECT_TRUE(timers.due.empty());
  EXPECT_THAT(TakeAll(), ElementsAre(5));
}

TEST_F(ChainQueueTest, KnowsTheOldestOfQoS0) {
  Add();
  Entry& first = Add({}, /*qos0=*/true);
  Entry& second = Add({}, /*qos0=*/true);
  EXPECT_EQ(queue.OldestQos0(), &first);
  Take();
  Take();
  EXPECT_EQ(queue.OldestQos0(), &second);
  queue.Delay(first, SteadyTime(Millis(1)));
  EXPECT_EQ(queue.OldestQos0(), &first);
  queue.Drop(first);
  queue.Drop(second);
  EXPECT_EQ(queue.OldestQos0(), nullptr);
}

TEST_F(ChainQueueTest, PressureOfTheSmallestBoundComesWithOneMessage) {
  options.max_messages = 1;
  EXPECT_EQ(queue.PressureChange(), std::nullopt);
  Add();
  EXPECT_EQ(queue.PressureChange(), true);
  EXPECT_EQ(queue.PressureChange(), std::nullopt);
  Take();
  EXPECT_EQ(queue.PressureChange(), false);
}

TEST_F(ChainQueueTest, OnlyWaitingMessagesWithAnExpiryAreTimed) {
  Add();
  EXPECT_TRUE(timers.expiry.empty());
  Entry& entry = Make();
  entry.expires = SteadyTime(Millis(5));
  queue.Add(entry);
  EXPECT_EQ(timers.expiry.top(), &entry);
  TakeAll();
  EXPECT_TRUE(timers.expiry.empty());
  PutBack({&entry});
  EXPECT_EQ(timers.expiry.top(), &entry);
}

}  // namespace
}  // namespace sluice
