// What workers have is remembered over a kill, and what may have been the cause is delivered alone.
#include <memory>

#include "server/journal/in_hand.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/queue/dispatcher_fixture.h"

namespace sluice {
namespace {

class DispatcherCrash : public DispatcherTest {
 protected:
  DispatcherCrash() { Start(); }

  // As after a kill of the process before.
  void Start() {
    gateway_.reset();
    in_hand_.reset();
    in_hand_ = *InHand::Open(folder_ / "in-hand");
    gateway_ = std::make_unique<Dispatcher>(clock, metrics, listener, [](SteadyTime) {}, /*seed=*/7, in_hand_.get());
  }
  std::shared_ptr<FakeWorker> Join(const Chain& chain, uint32_t window) {
    auto worker = std::make_shared<FakeWorker>();
    worker->id = gateway_->AddSession(
        {.worker = "w", .chains = {&chain}, .window = {.messages = window}, .lease = Millis(0)}, worker);
    return worker;
  }
  // Their records, in order.
  std::vector<RecordId> Give(const Chain& chain, const std::vector<QueuedSpec>& specs,
                             const std::vector<size_t>& suspects = {}) {
    std::vector<RoutedMessage> batch;
    std::vector<RecordId> records;
    for (const QueuedSpec& spec : specs) {
      batch.push_back(Make(chain, spec));
      records.push_back(batch.back().record);
    }
    for (size_t suspect : suspects) in_hand_->Suspect(records[suspect]);
    gateway_->Enqueue(batch);
    return records;
  }
  void Ack(const FakeWorker& worker, uint64_t delivery_id) {
    auto claimed = gateway_->Claim(worker.id, std::vector<uint64_t>{delivery_id});
    ASSERT_TRUE(claimed[0].has_value());
    std::vector<Dispatcher::Finished> finished;
    finished.push_back({.claimed = std::move(*claimed[0]), .verdict = Verdict::kAck});
    gateway_->Finish(worker.id, std::move(finished));
  }

  const TempDir folder_;
  std::unique_ptr<InHand> in_hand_;
  std::unique_ptr<Dispatcher> gateway_;
};

TEST_F(DispatcherCrash, WhatAWorkerHasAtAKillIsFoundByTheNextStart) {
  const Chain& chain = MakeChain("c");
  auto worker = Join(chain, 2);
  const std::vector<RecordId> records =
      Give(chain, {{.payload = "1"}, {.payload = "2"}, {.payload = "3"}, {.payload = "q", .qos = Qos::kAtMostOnce}});
  Ack(*worker, worker->Take().id);
  Start();
  EXPECT_EQ(in_hand_->found(), 2u);
  EXPECT_EQ(in_hand_->Find(records[0]).crashes, 0u) << "settled";
  EXPECT_EQ(in_hand_->Find(records[1]).crashes, 1u);
  EXPECT_EQ(in_hand_->Find(records[2]).crashes, 1u) << "delivered when there was room";
  EXPECT_FALSE(in_hand_->Find(records[1]).alone);
}

TEST_F(DispatcherCrash, WhatGoesBackIntoTheQueueIsInNobodysHands) {
  const Chain& chain = MakeChain("c");
  auto worker = Join(chain, 2);
  Give(chain, {{.payload = "1"}});
  gateway_->RemoveSession(worker->id, SessionEnd::kLost, worker->Take().id);
  Start();
  EXPECT_EQ(in_hand_->found(), 0u);
}

TEST_F(DispatcherCrash, SuspectsAreDeliveredOneAtATimeBesideOthers) {
  const Chain& chain = MakeChain("c");
  auto one = Join(chain, 10);
  auto other = Join(chain, 10);
  const std::vector<RecordId> records =
      Give(chain, {{.payload = "s1"}, {.payload = "s2"}, {.payload = "a"}, {.payload = "b"}}, {0, 1});
  auto& isolated = one->deliveries.size() == 1 ? one : other;
  auto& busy = one->deliveries.size() == 1 ? other : one;
  EXPECT_EQ(busy->TakePayloads(), (std::vector<std::string>{"a", "b"}));
  const Delivery first = isolated->Take();
  EXPECT_EQ(first.message->payload, "s1");
  EXPECT_TRUE(isolated->TakePayloads().empty());
  Ack(*isolated, first.id);
  EXPECT_EQ(one->deliveries.size() + other->deliveries.size(), 4u);

  Start();
  EXPECT_EQ(in_hand_->Find(records[0]).crashes, 0u);
  EXPECT_TRUE(in_hand_->Find(records[1]).alone);
  EXPECT_FALSE(in_hand_->Find(records[2]).alone);
}

TEST_F(DispatcherCrash, ASuspectKeepsItsPlaceInItsKey) {
  const Chain& chain = MakeChain("c");
  auto worker = Join(chain, 10);
  Give(chain,
       {{.topic = "t/k", .payload = "1", .key = "k"},
        {.topic = "t/k", .payload = "2", .key = "k"},
        {.topic = "t/k", .payload = "3", .key = "k"}},
       {1});
  for (const char* payload : {"1", "2", "3"}) {
    const Delivery delivery = worker->Take();
    EXPECT_EQ(delivery.message->payload, payload);
    EXPECT_TRUE(worker->TakePayloads().empty());
    Ack(*worker, delivery.id);
  }
}

}  // namespace
}  // namespace sluice
