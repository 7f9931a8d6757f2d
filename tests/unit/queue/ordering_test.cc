// Ordering keys: one in flight per key, in order, whatever happens to the one in flight.
#include <gmock/gmock.h>

#include "tests/unit/queue/dispatcher_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class OrderingKeys : public DispatcherTest {
 protected:
  // "a1" is payload "a1" with the key "a".
  void EnqueueKeyed(const Chain& chain, const std::vector<std::string>& payloads, Qos qos = Qos::kAtLeastOnce) {
    std::vector<QueuedSpec> specs;
    for (const std::string& payload : payloads) {
      specs.push_back({.topic = payload.substr(0, 1), .payload = payload, .qos = qos, .key = payload.substr(0, 1)});
    }
    Enqueue(chain, specs);
  }
};

TEST_F(OrderingKeys, OneMessagePerKeyIsInFlight) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 10});
  EnqueueKeyed(chain, {"a1", "a2", "b1", "a3", "b2"});
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("a1", "b1"));
  Settle(*worker, worker->deliveries[0].id, Verdict::kAck);
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("a2"));
  Settle(*worker, worker->deliveries[1].id, Verdict::kAck);
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("b2"));
}

TEST_F(OrderingKeys, KeysOfTwoChainsAreNotTheSame) {
  const Chain& c = MakeChain("c");
  const Chain& d = MakeChain("d");
  auto worker = Connect({&c, &d}, {.messages = 10});
  EnqueueKeyed(c, {"a1"});
  EnqueueKeyed(d, {"a1"});
  EXPECT_THAT(worker->deliveries, SizeIs(2));
}

TEST_F(OrderingKeys, UnorderedMessagesPassABusyKey) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 10});
  EnqueueKeyed(chain, {"a1", "a2"});
  EnqueuePayloads(chain, {"x"});
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("a1", "x"));
}

TEST_F(OrderingKeys, StickToTheirWorkerWhileBusy) {
  const Chain& chain = MakeChain("c");
  auto a = Connect({&chain}, {.messages = 10});
  auto b = Connect({&chain}, {.messages = 10});
  EnqueueKeyed(chain, {"a1", "a2", "a3", "a4"});
  FakeWorker& worker = a->deliveries.empty() ? *b : *a;
  for (int i = 0; i < 4; ++i) Settle(worker, worker.Take().id, Verdict::kAck);
  EXPECT_THAT(worker.deliveries, SizeIs(4));
}

TEST_F(OrderingKeys, GoToAnotherWorkerWhenTheirsIsFull) {
  const Chain& chain = MakeChain("c");
  auto a = Connect({&chain}, {.messages = 1});
  EnqueueKeyed(chain, {"a1", "a2"});
  auto b = Connect({&chain}, {.messages = 1});
  dispatcher.SetWindow(a->id, {.messages = 0});
  Settle(*a, a->Take().id, Verdict::kAck);
  EXPECT_THAT(b->TakePayloads(), ElementsAre("a2"));
}

TEST_F(OrderingKeys, ARetryKeepsTheKeyBlocked) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 10});
  EnqueueKeyed(chain, {"a1", "a2"});
  Settle(*worker, worker->Take().id, Verdict::kRetry, Millis(100));
  EXPECT_THAT(worker->TakePayloads(), IsEmpty());
  Advance(Millis(100));
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("a1"));
  Settle(*worker, worker->deliveries[1].id, Verdict::kAck);
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("a2"));
}

TEST_F(OrderingKeys, ALostWorkerKeepsTheOrder) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 10});
  EnqueueKeyed(chain, {"a1", "a2", "b1"});
  dispatcher.RemoveSession(worker->id, SessionEnd::kLost, worker->deliveries.back().id);
  auto other = Connect({&chain}, {.messages = 10});
  EXPECT_THAT(other->TakePayloads(), ElementsAre("a1", "b1"));
  Settle(*other, other->deliveries[0].id, Verdict::kAck);
  EXPECT_THAT(other->TakePayloads(), ElementsAre("a2"));
}

TEST_F(OrderingKeys, AnExpiredLeaseKeepsTheOrder) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 10});
  EnqueueKeyed(chain, {"a1", "a2"});
  Advance(Millis(30'000));
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("a1", "a1"));
}

TEST_F(OrderingKeys, ADeadLetterReleasesTheKey) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 10});
  EnqueueKeyed(chain, {"a1", "a2"});
  Settle(*worker, worker->Take().id, Verdict::kReject);
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("a2"));
}

TEST_F(OrderingKeys, ALostMessageOfQoS0ReleasesTheKey) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 10});
  EnqueueKeyed(chain, {"a1", "a2"}, Qos::kAtMostOnce);
  Advance(Millis(30'000));
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("a1", "a2"));
}

TEST_F(OrderingKeys, AnExpiredMessageReleasesTheKey) {
  const Chain& chain = MakeChain("c");
  Enqueue(chain, {{.topic = "a", .payload = "a1", .key = "a", .expiry_s = 1},
                  {.topic = "a", .payload = "a2", .key = "a"},
                  {.topic = "b", .payload = "b1", .key = "b"}});
  Advance(Millis(1'000));
  auto worker = Connect({&chain}, {.messages = 10});
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("a2", "b1")) << "the next of the key takes its place in the line";
}

TEST_F(OrderingKeys, ADroppedRetryReleasesTheKey) {
  ChainOptions options;
  options.max_messages = 2;
  const Chain& chain = MakeChain("c", options);
  auto worker = Connect({&chain}, {.messages = 10});
  EnqueueKeyed(chain, {"a1"}, Qos::kAtMostOnce);
  Settle(*worker, worker->Take().id, Verdict::kRetry, Millis(100));
  EnqueueKeyed(chain, {"a2", "a3"});
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("a2"));
}

TEST_F(OrderingKeys, AMessageDroppedBehindItsKeyLeavesTheOthersInOrder) {
  ChainOptions options;
  options.max_messages = 2;
  const Chain& chain = MakeChain("c", options);
  auto worker = Connect({&chain}, {.messages = 10});
  EnqueueKeyed(chain, {"a1"});
  EnqueueKeyed(chain, {"a2"}, Qos::kAtMostOnce);
  EnqueueKeyed(chain, {"a3", "a4"});
  for (int i = 0; i < 3; ++i) Settle(*worker, worker->deliveries.back().id, Verdict::kAck);
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("a1", "a3", "a4"));
}

TEST_F(OrderingKeys, ManyKeysComeAndGo) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 5'000});
  for (int round = 0; round < 3; ++round) {
    std::vector<QueuedSpec> specs;
    for (int i = 0; i < 2'000; ++i) {
      const std::string topic = "device/" + std::to_string(i);
      for (int j = 0; j < 2; ++j) specs.push_back({.topic = topic, .payload = std::to_string(j), .key = topic});
    }
    Enqueue(chain, specs);
    const size_t first = worker->deliveries.size() - 2'000;
    for (size_t i = first; i < first + 2'000; ++i) Settle(*worker, worker->deliveries[i].id, Verdict::kAck);
    for (size_t i = first + 2'000; i < first + 4'000; ++i) {
      EXPECT_EQ(worker->deliveries[i].message->payload, "1");
      Settle(*worker, worker->deliveries[i].id, Verdict::kAck);
    }
  }
  EXPECT_EQ(dispatcher.Backlog(), 0u);
}

}  // namespace
}  // namespace sluice
