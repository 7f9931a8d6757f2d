// What a worker was lost with: what has begun is an attempt, what may have killed it is delivered alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/queue/dispatcher_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class Suspects : public DispatcherTest {
 protected:
  static ChainOptions Attempts(uint32_t max) {
    ChainOptions options;
    options.max_attempts = max;
    return options;
  }
  static std::vector<std::string> Numbers(int count) {
    std::vector<std::string> numbers;
    for (int i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
    return numbers;
  }

  // A worker that dies of `poison` the moment it begins it, and comes back at once: until nothing is left. `told`:
  // how many of those it has begun it can say before it dies. Returns how often it died.
  int CrashUntilEmpty(const Chain& chain, const std::string& poison, uint32_t window, bool tells, size_t told) {
    int crashes = 0;
    while (dispatcher.Backlog() > 0 && crashes < 100) {
      auto worker = Connect({&chain}, {.messages = window}, Millis(0), tells);
      bool dead = false;
      while (!dead && worker->taken() < worker->deliveries.size()) {
        const Delivery delivery = worker->Take();
        if (delivery.message->payload != poison) {
          Settle(*worker, delivery.id, Verdict::kAck);
          settled.emplace_back(delivery.message->payload);
          continue;
        }
        std::vector<uint64_t> begun{delivery.id};
        for (size_t i = worker->taken(); i < worker->deliveries.size(); ++i) begun.push_back(worker->deliveries[i].id);
        begun.resize(std::min(begun.size(), told));
        if (tells) Begin(*worker, begun);
        Kill(*worker);
        dead = true;
        ++crashes;
      }
      if (!dead) dispatcher.RemoveSession(worker->id, SessionEnd::kLeft, UINT64_MAX);
    }
    return crashes;
  }

  std::vector<std::string> settled;
};

TEST_F(Suspects, ThePoisonDiesAndTheInnocentAreDelivered) {
  struct Case {
    bool tells;
    size_t told;
    int crashes;
  };
  // Of five attempts, those count of which it was said, or known by the message being alone, that they had begun.
  for (const Case& each : {Case{true, 1, 5}, Case{true, 8, 5}, Case{true, 0, 7}, Case{false, 0, 5}}) {
    settled.clear();
    listener.dead_letters.clear();
    const Chain& chain = MakeChain("c" + std::to_string(each.told) + std::to_string(each.tells), Attempts(5));
    EnqueuePayloads(chain, Numbers(60));
    EXPECT_EQ(CrashUntilEmpty(chain, "17", 60, each.tells, each.told), each.crashes);
    ASSERT_THAT(listener.dead_letters, SizeIs(1));
    EXPECT_EQ(listener.dead_letters[0].message.message->payload, "17");
    EXPECT_EQ(listener.dead_letters[0].reason, "gave up after 5 attempts: worker lost while it held only this message");
    EXPECT_THAT(settled, SizeIs(59)) << each.told;
  }
}

TEST_F(Suspects, TheInnocentOutliveASingleAttempt) {
  for (const bool tells : {false, true}) {
    settled.clear();
    listener.dead_letters.clear();
    const Chain& chain = MakeChain(tells ? "tells" : "silent", Attempts(1));
    EnqueuePayloads(chain, Numbers(60));
    EXPECT_EQ(CrashUntilEmpty(chain, "0", 60, tells, 60), 2);
    ASSERT_THAT(listener.dead_letters, SizeIs(1));
    EXPECT_EQ(listener.dead_letters[0].message.message->payload, "0");
    EXPECT_THAT(settled, SizeIs(59));
  }
}

TEST_F(Suspects, OnlyWhatHasBegunIsAnAttempt) {
  const Chain& chain = MakeChain("c");
  auto worker = ConnectTelling({&chain}, {.messages = 10});
  EnqueuePayloads(chain, {"1", "2", "3"});
  EXPECT_THAT(Begin(*worker, {worker->deliveries[1].id, 999}), ElementsAre(999));
  Kill(*worker);
  EXPECT_THAT(listener.attempts, ElementsAre(Pair(2, 1))) << "in the journal, too";
  auto other = ConnectTelling({&chain}, {.messages = 10});
  EXPECT_THAT(other->TakePayloads(), ElementsAre("2")) << "alone";
  EXPECT_EQ(other->deliveries[0].attempt, 2u);
  Settle(*other, other->deliveries[0].id, Verdict::kAck);
  EXPECT_THAT(other->TakePayloads(), ElementsAre("1", "3"));
  EXPECT_EQ(other->deliveries[1].attempt, 1u);
}

TEST_F(Suspects, AreTriedOneAtATimeWhileOthersGoOn) {
  const Chain& chain = MakeChain("c");
  auto lost = ConnectTelling({&chain}, {.messages = 2});
  EnqueuePayloads(chain, {"s1", "s2"});
  Begin(*lost, {lost->deliveries[0].id, lost->deliveries[1].id});
  auto a = Connect({&chain}, {.messages = 2});
  auto b = Connect({&chain}, {.messages = 2});
  EnqueuePayloads(chain, {"1", "2"});  // One for each.
  Kill(*lost);
  EXPECT_THAT(a->deliveries, SizeIs(1));
  EXPECT_THAT(b->deliveries, SizeIs(1));
  EnqueuePayloads(chain, {"3", "4", "5", "6"});
  FakeWorker& free = a->deliveries.size() == 2 ? *a : *b;
  FakeWorker& kept = &free == a.get() ? *b : *a;
  EXPECT_THAT(free.deliveries, SizeIs(2)) << "the other is kept for the suspects";
  EXPECT_THAT(kept.deliveries, SizeIs(1));

  Settle(kept, kept.deliveries[0].id, Verdict::kAck);
  ASSERT_THAT(kept.deliveries, SizeIs(2));
  EXPECT_EQ(kept.deliveries[1].message->payload, "s1");
  Settle(free, free.deliveries[0].id, Verdict::kAck);
  EXPECT_THAT(free.deliveries, SizeIs(3));
  EXPECT_THAT(kept.deliveries, SizeIs(2));
  Settle(kept, kept.deliveries[1].id, Verdict::kAck);
  EXPECT_EQ(kept.deliveries[2].message->payload, "s2");
  Settle(kept, kept.deliveries[2].id, Verdict::kAck);
  EXPECT_THAT(kept.deliveries, SizeIs(5)) << "as before";
}

TEST_F(Suspects, FindAnotherWorkerWhenTheirsLeavesOrDrains) {
  const Chain& chain = MakeChain("c");
  auto lost = ConnectTelling({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"s"});
  Begin(*lost, {lost->deliveries[0].id});
  auto a = Connect({&chain}, {.messages = 2});
  EnqueuePayloads(chain, {"1"});
  Kill(*lost);  // `a` is kept, and has not finished.
  dispatcher.DrainSession(a->id);
  auto b = Connect({&chain}, {.messages = 2});
  EXPECT_THAT(b->TakePayloads(), ElementsAre("s"));
  Settle(*b, b->deliveries[0].id, Verdict::kAck);
  EnqueuePayloads(chain, {"2", "3"});
  EXPECT_THAT(b->TakePayloads(), ElementsAre("2", "3"));
}

TEST_F(Suspects, KeepTheOrderOfTheirKey) {
  const Chain& chain = MakeChain("c");
  auto lost = ConnectTelling({&chain}, {.messages = 10});
  Enqueue(chain, {{.topic = "k", .payload = "1", .key = "k"}, {.topic = "k", .payload = "2", .key = "k"}});
  Begin(*lost, {lost->deliveries[0].id});
  Kill(*lost);
  auto other = ConnectTelling({&chain}, {.messages = 10});
  EXPECT_THAT(other->TakePayloads(), ElementsAre("1"));
  Settle(*other, other->deliveries[0].id, Verdict::kAck);
  EXPECT_THAT(other->TakePayloads(), ElementsAre("2"));
}

TEST_F(Suspects, AWorkerThatSettlesClearsThem) {
  const Chain& chain = MakeChain("c");
  auto lost = ConnectTelling({&chain}, {.messages = 10});
  EnqueuePayloads(chain, {"1", "2"});
  Begin(*lost, {lost->deliveries[0].id});
  Kill(*lost);
  auto other = ConnectTelling({&chain}, {.messages = 10});
  EXPECT_THAT(other->TakePayloads(), ElementsAre("1"));
  Settle(*other, other->deliveries[0].id, Verdict::kRetry, Millis(1));
  EXPECT_THAT(other->TakePayloads(), ElementsAre("2"));
  Advance(Millis(10));
  EXPECT_THAT(other->TakePayloads(), ElementsAre("1")) << "beside another";
}

TEST_F(Suspects, AHalfCloseCountsWhatHasBegunAndSuspectsNothing) {
  const Chain& chain = MakeChain("c");
  auto worker = ConnectTelling({&chain}, {.messages = 10});
  EnqueuePayloads(chain, {"1", "2"});
  Begin(*worker, {worker->deliveries[0].id});
  dispatcher.RemoveSession(worker->id, SessionEnd::kLeft, UINT64_MAX);
  auto other = ConnectTelling({&chain}, {.messages = 10});
  EXPECT_THAT(other->TakePayloads(), ElementsAre("1", "2"));
  EXPECT_EQ(other->deliveries[0].attempt, 2u);
  EXPECT_EQ(other->deliveries[1].attempt, 1u);
}

// ---- waiting inside a worker

TEST_F(Suspects, WhatIsNotBegunInTimeGoesToOthersWithoutAnAttempt) {
  const Chain& chain = MakeChain("c");  // Lease 30 s, maxLease 10 min.
  auto slow = ConnectTelling({&chain}, {.messages = 3});
  EnqueuePayloads(chain, {"1", "2", "3"});
  Begin(*slow, {slow->deliveries[0].id});
  dispatcher.Extend(slow->id, slow->deliveries[0].id, Millis(600'000));
  auto other = ConnectTelling({&chain}, {.messages = 3});
  Advance(Millis(29'999));
  EXPECT_THAT(other->deliveries, IsEmpty());
  Advance(Millis(1));
  EXPECT_THAT(slow->revoked, ElementsAre(Pair(slow->deliveries[1].id, RevokeReason::kNotBegun),
                                         Pair(slow->deliveries[2].id, RevokeReason::kNotBegun)));
  std::vector<std::string> again = slow->TakePayloads();
  for (const std::string& payload : other->TakePayloads()) again.push_back(payload);
  EXPECT_THAT(again, testing::UnorderedElementsAre("1", "2", "3", "2", "3"));
  for (const FakeWorker* worker : {slow.get(), other.get()}) {
    for (const Delivery& delivery : worker->deliveries) EXPECT_EQ(delivery.attempt, 1u);
  }
  EXPECT_THAT(listener.attempts, IsEmpty());
  EXPECT_EQ(CounterOf("sluice_redelivered_total", "c", "reason", "not_begun"), 2u);
}

TEST_F(Suspects, TheLeaseStartsWhenTheWorkDoes) {
  const Chain& chain = MakeChain("c");
  auto worker = ConnectTelling({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"1"});
  const uint64_t id = worker->Take().id;
  Advance(Millis(20'000));
  Begin(*worker, {id});
  Advance(Millis(29'999));
  EXPECT_THAT(worker->revoked, IsEmpty());
  EXPECT_THAT(Begin(*worker, {id}), IsEmpty()) << "said twice it starts once";
  Advance(Millis(1));
  EXPECT_THAT(worker->revoked, ElementsAre(Pair(id, RevokeReason::kLeaseEnded)));
  EXPECT_THAT(listener.attempts, ElementsAre(Pair(1, 1)));
}

TEST_F(Suspects, MaxLeaseCountsFromTheBeginningAndClippingIsTold) {
  const Chain& chain = MakeChain("c");
  auto worker = ConnectTelling({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"1"});
  const uint64_t id = worker->Take().id;
  Advance(Millis(20'000));
  Begin(*worker, {id});
  EXPECT_FALSE(dispatcher.Extend(worker->id, id, Millis(600'000))->clipped);
  Advance(Millis(500'000));
  const std::optional<Dispatcher::Extended> extended = dispatcher.Extend(worker->id, id, Millis(200'000));
  EXPECT_TRUE(extended->clipped);
  EXPECT_EQ(extended->lease, Millis(100'000));
}

TEST_F(Suspects, QoS0ThatIsNotBegunInTimeIsDropped) {
  const Chain& chain = MakeChain("c");
  auto worker = ConnectTelling({&chain}, {.messages = 1});
  Enqueue(chain, {{.payload = "0", .qos = Qos::kAtMostOnce}});
  Advance(Millis(30'000));
  EXPECT_THAT(worker->revoked, SizeIs(1));
  EXPECT_EQ(dispatcher.Backlog(), 0u);
}

}  // namespace
}  // namespace sluice
