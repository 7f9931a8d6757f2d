// A chain's bounds, the pressure that they make, and messages that expire.
#include <gmock/gmock.h>

#include "tests/unit/queue/dispatcher_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class QueueBound : public DispatcherTest {
 protected:
  static ChainOptions Bound(size_t messages, size_t bytes = 1 << 20) {
    ChainOptions options;
    options.max_messages = messages;
    options.max_bytes = bytes;
    return options;
  }
  void EnqueueQos0(const Chain& chain, const std::vector<std::string>& payloads) {
    std::vector<QueuedSpec> specs;
    for (const std::string& payload : payloads) specs.push_back({.payload = payload, .qos = Qos::kAtMostOnce});
    Enqueue(chain, specs);
  }
};

using Pressure = QueueBound;
using Expiry = QueueBound;

TEST_F(QueueBound, DropsTheOldestOfQoS0) {
  const Chain& chain = MakeChain("c", Bound(3));
  EnqueueQos0(chain, {"1", "2", "3", "4", "5"});
  EXPECT_THAT(Connect({&chain}, {.messages = 10})->TakePayloads(), ElementsAre("3", "4", "5"));
  EXPECT_EQ(CounterOf("sluice_messages_dropped_total", "c", "reason", "queue_full"), 2u);
}

TEST_F(QueueBound, DropsTheOldestOfQoS0FromBetweenOthers) {
  const Chain& chain = MakeChain("c", Bound(3));
  EnqueuePayloads(chain, {"1"});
  EnqueueQos0(chain, {"2"});
  EnqueuePayloads(chain, {"3", "4"});
  EXPECT_THAT(Connect({&chain}, {.messages = 10})->TakePayloads(), ElementsAre("1", "3", "4"));
}

TEST_F(QueueBound, DropsTheNewOneWhenNoneOfQoS0Waits) {
  const Chain& chain = MakeChain("c", Bound(2));
  EnqueuePayloads(chain, {"1", "2"});
  EnqueueQos0(chain, {"3"});
  EXPECT_THAT(Connect({&chain}, {.messages = 10})->TakePayloads(), ElementsAre("1", "2"));
}

TEST_F(QueueBound, TakesQoS1And2Always) {
  const Chain& chain = MakeChain("c", Bound(2));
  EnqueuePayloads(chain, {"1", "2", "3"});
  Enqueue(chain, {{.payload = "4", .qos = Qos::kExactlyOnce}});
  EXPECT_THAT(Connect({&chain}, {.messages = 10})->TakePayloads(), ElementsAre("1", "2", "3", "4"));
}

TEST_F(QueueBound, HoldsBytesToo) {
  const Chain& chain = MakeChain("c", Bound(100, 10));
  EnqueueQos0(chain, {"1234", "1234", "ab"});
  EXPECT_THAT(Connect({&chain}, {.messages = 10})->TakePayloads(), ElementsAre("1234", "ab"));
}

TEST_F(QueueBound, AMessageLargerThanTheBoundDoesNotCostTheOthers) {
  const Chain& chain = MakeChain("c", Bound(100, 10));
  EnqueueQos0(chain, {"1", std::string(50, 'x'), "2"});
  EXPECT_THAT(Connect({&chain}, {.messages = 10})->TakePayloads(), ElementsAre("1", "2"));
  EXPECT_EQ(CounterOf("sluice_messages_dropped_total", "c", "reason", "queue_full"), 1u);
}

TEST_F(QueueBound, WhatGoesToAWorkerAtOnceIsNotBounded) {
  const Chain& chain = MakeChain("c", Bound(1));
  auto worker = Connect({&chain}, {.messages = 10});
  EnqueueQos0(chain, {"1", "2", "3"});
  EXPECT_THAT(worker->deliveries, SizeIs(3));
}

TEST_F(QueueBound, HoldsForWhatComesBack) {
  const Chain& chain = MakeChain("c", Bound(2));
  auto worker = Connect({&chain}, {.messages = 3});
  EnqueueQos0(chain, {"1", "2", "3", "4"});
  dispatcher.RemoveSession(worker->id, SessionEnd::kLost, /*written=*/0);
  EXPECT_THAT(Connect({&chain}, {.messages = 10})->TakePayloads(), ElementsAre("3", "4"));
}

TEST_F(Pressure, ComesAtFourFifthsAndGoesAtHalf) {
  const Chain& chain = MakeChain("c", Bound(10));
  EnqueuePayloads(chain, std::vector<std::string>(7, "x"));
  EXPECT_THAT(listener.pressure, IsEmpty());
  EnqueuePayloads(chain, {"x"});
  EXPECT_THAT(listener.pressure, ElementsAre(Pair("c", true)));
  EnqueuePayloads(chain, std::vector<std::string>(7, "x"));
  auto worker = Connect({&chain}, {.messages = 9});
  EXPECT_THAT(listener.pressure, SizeIs(1)) << "six are left";
  dispatcher.SetWindow(worker->id, {.messages = 10});
  EXPECT_THAT(listener.pressure, ElementsAre(Pair("c", true), Pair("c", false)));
}

TEST_F(Pressure, ComesByBytesAndGoesWhenBothAreLow) {
  const Chain& chain = MakeChain("c", Bound(4, 100));
  EnqueuePayloads(chain, {std::string(79, 'x')});
  EXPECT_THAT(listener.pressure, ElementsAre(Pair("c", true)));
  EnqueuePayloads(chain, {"1", "2", "3"});
  auto worker = Connect({&chain}, {.messages = 1});
  EXPECT_THAT(listener.pressure, SizeIs(1)) << "few bytes, three messages";
  dispatcher.SetWindow(worker->id, {.messages = 2});
  EXPECT_THAT(listener.pressure, ElementsAre(Pair("c", true), Pair("c", false)));
}

TEST_F(Pressure, IsNotMadeByQoS0WhichIsDropped) {
  const Chain& chain = MakeChain("c", Bound(10));
  EnqueueQos0(chain, std::vector<std::string>(20, "x"));
  EXPECT_THAT(listener.pressure, IsEmpty());
  EnqueuePayloads(chain, std::vector<std::string>(8, "x"));
  EXPECT_THAT(listener.pressure, ElementsAre(Pair("c", true)));
}

TEST_F(Pressure, OfOneChainDoesNotTouchAnother) {
  const Chain& c = MakeChain("c", Bound(1));
  const Chain& d = MakeChain("d", Bound(10));
  EnqueuePayloads(d, {"x"});
  EnqueuePayloads(c, {"x"});
  EXPECT_THAT(listener.pressure, ElementsAre(Pair("c", true)));
}

TEST_F(Expiry, DropsWaitingMessagesInTickAndReportsTheirRecords) {
  const Chain& chain = MakeChain("c");
  Enqueue(chain, {{.payload = "1", .expiry_s = 5}, {.payload = "2"}, {.payload = "3", .expiry_s = 6}});
  EXPECT_EQ(wakes.back(), clock.Now() + Millis(5'000));
  const SteadyTime next = Advance(Millis(5'000));
  EXPECT_EQ(next, clock.Now() + Millis(1'000));
  EXPECT_THAT(listener.forgotten, ElementsAre(1));
  EXPECT_EQ(dispatcher.Backlog(), 2u);
  EXPECT_THAT(listener.dropped, ElementsAre(Pair("1", Loss::kExpired)));
  EXPECT_EQ(CounterOf("sluice_messages_dropped_total", "c", "reason", "expired"), 1u);
}

TEST_F(Expiry, DropsWhatWouldBeDeliveredLate) {
  const Chain& chain = MakeChain("c");
  Enqueue(chain, {{.payload = "1", .expiry_s = 5}, {.payload = "2"}});
  clock.Advance(Millis(5'000));
  EXPECT_THAT(Connect({&chain}, {.messages = 10})->TakePayloads(), ElementsAre("2"));
  EXPECT_THAT(listener.forgotten, ElementsAre(1));
}

TEST_F(Expiry, LeavesWhatIsInFlightAlone) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  Enqueue(chain, {{.payload = "1", .expiry_s = 5}});
  Advance(Millis(6'000));
  EXPECT_TRUE(Settle(*worker, worker->Take().id, Verdict::kAck));
  EXPECT_THAT(listener.forgotten, IsEmpty());
}

TEST_F(Expiry, EndsAPendingRetry) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  Enqueue(chain, {{.payload = "1", .expiry_s = 5}});
  Settle(*worker, worker->Take().id, Verdict::kRetry, Millis(10'000));
  Advance(Millis(5'000));
  EXPECT_THAT(listener.forgotten, ElementsAre(1));
  EXPECT_EQ(Advance(Millis(30'000)), kNever);
  EXPECT_THAT(worker->deliveries, SizeIs(1));
}

TEST_F(Expiry, ReportsNoRecordForQoS0) {
  const Chain& chain = MakeChain("c");
  Enqueue(chain, {{.payload = "1", .qos = Qos::kAtMostOnce, .expiry_s = 1}});
  Advance(Millis(1'000));
  EXPECT_EQ(dispatcher.Backlog(), 0u);
  EXPECT_THAT(listener.forgotten, IsEmpty());
  EXPECT_THAT(listener.dropped, ElementsAre(Pair("1", Loss::kExpired)));
}

TEST_F(Expiry, OfAMessageTooLargeForTheWindowLetsTheNextOneGo) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 10, .bytes = 10});
  Enqueue(chain, {{.payload = "1"}, {.payload = std::string(50, 'x'), .expiry_s = 1}, {.payload = "2"}});
  EXPECT_THAT(worker->deliveries, SizeIs(1));
  Advance(Millis(1'000));
  EXPECT_THAT(worker->TakePayloads(), ElementsAre("1", "2"));
}

TEST_F(Expiry, OfManyIsSpreadOverTicks) {
  const Chain& chain = MakeChain("c", Bound(100'000));
  Enqueue(chain, std::vector<QueuedSpec>(10'000, {.payload = "x", .expiry_s = 1}));
  SteadyTime next = Advance(Millis(1'000));
  EXPECT_EQ(next, clock.Now()) << "at once again";
  EXPECT_GT(dispatcher.Backlog(), 0u);
  EXPECT_EQ(Advance(Millis(0)), clock.Now());
  EXPECT_EQ(Advance(Millis(0)), kNever);
  EXPECT_EQ(dispatcher.Backlog(), 0u);
  EXPECT_THAT(listener.forgotten, SizeIs(10'000));
}

TEST_F(QueueBound, AnotherBoundHoldsForWhatWaitsAlready) {
  const Chain& chain = MakeChain("c", Bound(5));
  EnqueueQos0(chain, {"1", "2", "3", "4", "5"});
  ChangeOptions(chain, Bound(2));
  EXPECT_EQ(CounterOf("sluice_messages_dropped_total", "c", "reason", "queue_full"), 3u);
  EXPECT_THAT(Connect({&chain}, {.messages = 10})->TakePayloads(), ElementsAre("4", "5"));
  EXPECT_EQ(metrics.GetGauge("sluice_queue_limit_messages", "", {{"chain", "c"}}).value(), 2);
}

}  // namespace
}  // namespace sluice
