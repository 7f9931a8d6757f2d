#include "server/queue/chain_queue.h"

#include <gmock/gmock.h>

#include <deque>
#include <string>

namespace sluice {
namespace {

using ::testing::ElementsAre;

class ChainQueueTest : public ::testing::Test {
 protected:
  QueueEntry& Make(std::string_view key = {}, bool qos0 = false) {
    QueueEntry& entry = entries_.emplace_back();
    entry.message.ordering_key = key;
    entry.sequence = entries_.size();
    entry.bytes = 10;
    entry.qos0 = qos0;
    return entry;
  }
  QueueEntry& Add(std::string_view key = {}, bool qos0 = false) {
    QueueEntry& entry = Make(key, qos0);
    queue.Add(entry);
    return entry;
  }
  QueueEntry& Take() {
    QueueEntry& entry = *queue.Front();
    queue.Take(*queue.Front());
    entry.was_out = true;
    return entry;
  }
  std::vector<uint64_t> TakeAll() {
    std::vector<uint64_t> sequences;
    while (queue.Front() != nullptr) sequences.push_back(Take().sequence);
    return sequences;
  }
  void PutBack(std::vector<QueueEntry*> entries) { queue.PutBack(entries); }

  ChainOptions options;
  WaitingTimers timers;
  ChainQueue queue{options, timers};

 private:
  std::deque<QueueEntry> entries_;
};

TEST_F(ChainQueueTest, IsFirstInFirstOut) {
  for (int i = 0; i < 4; ++i) Add();
  EXPECT_THAT(TakeAll(), ElementsAre(1, 2, 3, 4));
}

TEST_F(ChainQueueTest, WhatComesBackGoesFirstInOrderOfArrival) {
  for (int i = 0; i < 6; ++i) Add();
  QueueEntry& one = Take();
  QueueEntry& two = Take();
  QueueEntry& three = Take();
  QueueEntry& four = Take();
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
  QueueEntry& first = Take();
  EXPECT_EQ(queue.messages(), 2u);
  queue.Delay(first, SteadyTime(Millis(1)));
  EXPECT_EQ(queue.bytes(), 30u);
  queue.ReleaseDue(first);
  EXPECT_EQ(queue.bytes(), 20u);
}

TEST_F(ChainQueueTest, TheNextOfAKeyIsReadyWhenTheOneBeforeIsReleased) {
  QueueEntry& first = Add("k");
  Add("k");
  EXPECT_THAT(TakeAll(), ElementsAre(1));
  queue.Release(first);
  EXPECT_THAT(TakeAll(), ElementsAre(2));
}

TEST_F(ChainQueueTest, ForgetsAKeyWithItsLastMessage) {
  QueueEntry& first = Add("k");
  QueueEntry& second = Add("k");
  EXPECT_EQ(queue.keys(), 1u);
  Take();
  queue.Release(first);
  queue.Drop(second);
  EXPECT_EQ(queue.keys(), 0u);
  EXPECT_EQ(queue.messages(), 0u);
}

TEST_F(ChainQueueTest, TheNextOfAKeyInheritsThePlaceOfADroppedOne) {
  QueueEntry& first = Add("k");
  Add("k");
  Add();
  queue.Drop(first);
  EXPECT_THAT(TakeAll(), ElementsAre(2, 3));
}

TEST_F(ChainQueueTest, ADelayedMessageKeepsItsKeysTurn) {
  QueueEntry& first = Add("k");
  Add("k");
  Take();
  queue.Delay(first, SteadyTime(Millis(1)));
  EXPECT_EQ(queue.Front(), nullptr);
  queue.ReleaseDue(first);
  PutBack({&first});
  EXPECT_THAT(TakeAll(), ElementsAre(1));
}

TEST_F(ChainQueueTest, DroppingWorksFromAnyPlace) {
  QueueEntry& returned = Add("a");
  QueueEntry& delayed = Add("b");
  Take();
  Take();
  PutBack({&returned});
  queue.Delay(delayed, SteadyTime(Millis(1)));
  QueueEntry& ready = Add();
  QueueEntry& behind = Add("b");
  Add("a");
  for (QueueEntry* entry : {&behind, &ready, &delayed, &returned}) queue.Drop(*entry);
  EXPECT_EQ(queue.messages(), 1u);
  EXPECT_TRUE(timers.due.empty());
  EXPECT_THAT(TakeAll(), ElementsAre(5));
}

TEST_F(ChainQueueTest, KnowsTheOldestOfQoS0) {
  Add();
  QueueEntry& first = Add({}, /*qos0=*/true);
  QueueEntry& second = Add({}, /*qos0=*/true);
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
  QueueEntry& entry = Make();
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
