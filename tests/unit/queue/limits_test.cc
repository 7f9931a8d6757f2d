// Bounds, pressure, leases, expiry, and what is counted.
#include <gmock/gmock.h>

#include "tests/unit/queue/dispatcher_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

using Leases = DispatcherTest;

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
using Metrics = QueueBound;
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

TEST_F(Leases, RedeliverWhatIsNotSettledInTime) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x", "y"});
  const uint64_t id = worker->Take().id;
  Advance(Millis(29'999));
  EXPECT_THAT(worker->deliveries, SizeIs(1));
  Advance(Millis(1));
  Delivery again = worker->Take();
  EXPECT_EQ(again.attempt, 2u);
  EXPECT_EQ(again.message->payload, "x") << "at the front";
  EXPECT_FALSE(Settle(*worker, id, Verdict::kAck)) << "the old one is stale";
}

TEST_F(Leases, GiveUpAfterMaxAttempts) {
  ChainOptions options;
  options.max_attempts = 2;
  const Chain& chain = MakeChain("c", options);
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  Advance(Millis(30'000));
  Advance(Millis(30'000));
  ASSERT_THAT(listener.dead_letters, SizeIs(1));
  EXPECT_EQ(listener.dead_letters[0].reason, "gave up after 2 attempts: lease expired");
  EXPECT_TRUE(dispatcher.Idle());
}

TEST_F(Leases, DropQoS0ThatIsNotSettledInTime) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  Enqueue(chain, {{.payload = "x", .qos = Qos::kAtMostOnce}});
  Advance(Millis(30'000));
  EXPECT_THAT(worker->deliveries, SizeIs(1));
  EXPECT_EQ(CounterOf("sluice_messages_dropped_total", "c", "reason", "lease_expired"), 1u);
  EXPECT_EQ(dispatcher.Backlog(), 0u);
}

TEST_F(Leases, AreWhatTheWorkerAsksForWithinBounds) {
  ChainOptions options;
  options.max_lease = Millis(60'000);
  const Chain& chain = MakeChain("c", options);
  for (auto [asked, given] : std::vector<std::pair<Millis, Millis>>{{Millis(0), Millis(30'000)},
                                                                    {Millis(5'000), Millis(5'000)},
                                                                    {Millis(1), Millis(1'000)},
                                                                    {Millis(999'999), Millis(60'000)}}) {
    auto worker = Connect({&chain}, {.messages = 1}, asked);
    EnqueuePayloads(chain, {"x"});
    EXPECT_EQ(worker->Take().lease, given);
    Settle(*worker, worker->deliveries[0].id, Verdict::kAck);
    dispatcher.RemoveSession(worker->id, SessionEnd::kLost, 0);
  }
}

TEST_F(Leases, AreExtendedFromNowUpToTheChainsLongest) {
  ChainOptions options;
  options.max_lease = Millis(60'000);
  const Chain& chain = MakeChain("c", options);
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  const uint64_t id = worker->Take().id;
  Advance(Millis(20'000));
  EXPECT_TRUE(dispatcher.Extend(worker->id, id, Millis(35'000)));
  Advance(Millis(34'999));
  EXPECT_THAT(worker->deliveries, SizeIs(1));
  EXPECT_TRUE(dispatcher.Extend(worker->id, id, Millis::max())) << "held to 60 s from the delivery";
  Advance(Millis(5'000));
  EXPECT_THAT(worker->deliveries, SizeIs(1));
  Advance(Millis(1));
  EXPECT_THAT(worker->deliveries, SizeIs(2));
  EXPECT_FALSE(dispatcher.Extend(worker->id, id, Millis(1'000)));
}

TEST_F(Leases, CanBeShortened) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  EXPECT_TRUE(dispatcher.Extend(worker->id, worker->Take().id, Millis(0)));
  EXPECT_EQ(wakes.back(), clock.Now() + Millis(1'000)) << "at least a second";
  Advance(Millis(1'000));
  EXPECT_THAT(worker->deliveries, SizeIs(2));
}

// While nothing is read of workers nobody hears that they settle.
TEST_F(Leases, StandStillWhileTheyAreHeld) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 2});
  EnqueuePayloads(chain, {"x"});
  Advance(Millis(20'000));
  dispatcher.HoldLeases();
  dispatcher.HoldLeases();
  EnqueuePayloads(chain, {"y"});
  Advance(Millis(3'600'000));
  dispatcher.ReleaseLeases();
  Advance(Millis(1));
  EXPECT_THAT(worker->deliveries, SizeIs(2));
  dispatcher.ReleaseLeases();
  EXPECT_THAT(listener.attempts, IsEmpty());
  // The first has the 10 s that it had left, the second all of its own.
  EXPECT_EQ(wakes.back(), clock.Now() + Millis(10'000));
  Advance(Millis(9'999));
  EXPECT_THAT(worker->deliveries, SizeIs(2));
  Advance(Millis(1));
  EXPECT_THAT(worker->deliveries, SizeIs(3));
  Advance(Millis(20'000));
  EXPECT_THAT(worker->deliveries, SizeIs(4));
}

TEST_F(Leases, AskTheTickerOnlyForTheNextOne) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 100});
  for (int i = 0; i < 10; ++i) {
    EnqueuePayloads(chain, {"x"});
    clock.Advance(Millis(10));
  }
  EXPECT_THAT(wakes, SizeIs(1));
  EXPECT_EQ(dispatcher.Tick(clock.Now()), clock.Now() + Millis(29'900));
}

TEST_F(Leases, NothingInFlightNeedsNoTick) {
  EXPECT_EQ(Advance(Millis(1)), kNever);
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"x"});
  Settle(*worker, worker->Take().id, Verdict::kAck);
  EXPECT_EQ(Advance(Millis(30'000)), kNever);
}

TEST_F(Expiry, DropsWaitingMessagesInTickAndReportsTheirRecords) {
  const Chain& chain = MakeChain("c");
  Enqueue(chain, {{.payload = "1", .expiry_s = 5}, {.payload = "2"}, {.payload = "3", .expiry_s = 6}});
  EXPECT_EQ(wakes.back(), clock.Now() + Millis(5'000));
  const SteadyTime next = Advance(Millis(5'000));
  EXPECT_EQ(next, clock.Now() + Millis(1'000));
  EXPECT_THAT(listener.forgotten, ElementsAre(1));
  EXPECT_EQ(dispatcher.Backlog(), 2u);
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

TEST_F(Metrics, TellWhatWaitsAndWhatIsInFlight) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 1});
  EnqueuePayloads(chain, {"12", "345", "6"});
  EXPECT_EQ(GaugeOf("sluice_backlog_messages", "c"), 3);
  EXPECT_EQ(GaugeOf("sluice_queue_messages", "c"), 2);
  EXPECT_EQ(GaugeOf("sluice_queue_bytes", "c"), 6);
  EXPECT_EQ(GaugeOf("sluice_in_flight_messages", "c"), 1);
  for (int i = 0; i < 3; ++i) Settle(*worker, worker->Take().id, Verdict::kAck);
  EXPECT_EQ(GaugeOf("sluice_backlog_messages", "c"), 0);
  EXPECT_EQ(GaugeOf("sluice_queue_bytes", "c"), 0);
  EXPECT_EQ(GaugeOf("sluice_in_flight_messages", "c"), 0);
}

TEST_F(Metrics, CountDeliveriesAndSettlesByOutcome) {
  const Chain& chain = MakeChain("c");
  auto worker = Connect({&chain}, {.messages = 10});
  EnqueuePayloads(chain, {"1", "2", "3", "4", "5"});
  Settle(*worker, worker->Take().id, Verdict::kAck);
  Settle(*worker, worker->Take().id, Verdict::kAck);
  Settle(*worker, worker->Take().id, Verdict::kRetry, Millis(10));
  Settle(*worker, worker->Take().id, Verdict::kReject);
  Settle(*worker, worker->Take().id, Verdict::kDrop);
  Advance(Millis(10));
  EXPECT_EQ(CounterOf("sluice_deliveries_total", "c"), 6u);
  EXPECT_EQ(CounterOf("sluice_settled_total", "c", "outcome", "ack"), 2u);
  EXPECT_EQ(CounterOf("sluice_settled_total", "c", "outcome", "retry"), 1u);
  EXPECT_EQ(CounterOf("sluice_settled_total", "c", "outcome", "reject"), 1u);
  EXPECT_EQ(CounterOf("sluice_settled_total", "c", "outcome", "drop"), 1u);
  EXPECT_EQ(CounterOf("sluice_redelivered_total", "c", "reason", "retry"), 1u);
  EXPECT_EQ(CounterOf("sluice_dead_letters_total", "c", "reason_kind", "rejected"), 1u);
}

TEST_F(Metrics, TimeTheFirstDeliveryAndTheAcknowledgement) {
  const Chain& chain = MakeChain("c");
  EnqueuePayloads(chain, {"1", "2"});
  clock.Advance(Millis(1'000));
  auto worker = Connect({&chain}, {.messages = 10});
  clock.Advance(Millis(2'000));
  Settle(*worker, worker->Take().id, Verdict::kAck);
  Settle(*worker, worker->Take().id, Verdict::kRetry, Millis(10));
  Advance(Millis(10));
  Histogram& queue = metrics.GetHistogram("sluice_queue_seconds", "", {{"chain", "c"}});
  Histogram& settle = metrics.GetHistogram("sluice_settle_seconds", "", {{"chain", "c"}});
  EXPECT_DOUBLE_EQ(queue.SumSeconds(), 2.0) << "1 s for each of two";
  EXPECT_DOUBLE_EQ(settle.SumSeconds(), 3.0);
}

TEST_F(Metrics, TellTheAgeOfTheOldestMessageWhereverItIs) {
  const Chain& chain = MakeChain("c");
  const auto oldest = [&] {
    return metrics.GetAgeGauge("sluice_oldest_message_seconds", "", {{"chain", "c"}}).Seconds(clock.Now());
  };
  EnqueuePayloads(chain, {"first"});
  clock.Advance(Millis(1'000));
  EnqueuePayloads(chain, {"second"});
  clock.Advance(Millis(1'000));
  EXPECT_DOUBLE_EQ(oldest(), 2.0) << "waiting";
  auto worker = Connect({&chain}, {.messages = 10});
  const uint64_t first = worker->Take().id;
  const uint64_t second = worker->Take().id;
  EXPECT_DOUBLE_EQ(oldest(), 2.0) << "in flight";
  Settle(*worker, first, Verdict::kRetry, Millis(60'000));
  EXPECT_DOUBLE_EQ(oldest(), 2.0) << "waiting for its retry";
  Settle(*worker, second, Verdict::kAck);
  EXPECT_DOUBLE_EQ(oldest(), 2.0);
  Advance(Millis(60'000));
  EXPECT_DOUBLE_EQ(oldest(), 62.0);
  Settle(*worker, worker->Take().id, Verdict::kAck);
  EXPECT_DOUBLE_EQ(oldest(), 0.0) << "there is none";
}

TEST_F(Metrics, KeepTheAgeWhileWhatIsOnDiskIsYetToCome) {
  const Chain& chain = MakeChain("c");
  const auto oldest = [&] {
    return metrics.GetAgeGauge("sluice_oldest_message_seconds", "", {{"chain", "c"}}).Seconds(clock.Now());
  };
  auto worker = Connect({&chain}, {.messages = 10});
  EnqueuePayloads(chain, {"x"});
  dispatcher.SetOnDisk(chain, 1);
  clock.Advance(Millis(1'000));
  Settle(*worker, worker->Take().id, Verdict::kAck);
  EXPECT_DOUBLE_EQ(oldest(), 1.0);
  dispatcher.SetOnDisk(chain, 0);
  EXPECT_DOUBLE_EQ(oldest(), 0.0);
}

TEST_F(Metrics, OfAnExpectedChainAreThereBeforeItsFirstMessage) {
  dispatcher.Expect(MakeChain("c", {.max_messages = 7, .max_bytes = 4'096}));
  const auto series_of = [&](const std::string& wanted) {
    size_t series = 0;
    metrics.Visit([&](const std::string& name, const MetricsRegistry::Family& family) {
      if (name == wanted) series = family.series.size();
    });
    return series;
  };
  EXPECT_EQ(series_of("sluice_deliveries_total"), 1u);
  EXPECT_EQ(series_of("sluice_settled_total"), 4u);
  EXPECT_EQ(series_of("sluice_end_to_end_seconds"), 1u);
  EXPECT_EQ(GaugeOf("sluice_queue_limit_messages", "c"), 7);
  EXPECT_EQ(GaugeOf("sluice_queue_limit_bytes", "c"), 4'096);
  ASSERT_EQ(dispatcher.Chains().size(), 1u);
  EXPECT_EQ(dispatcher.Chains()[0].chain->name, "c");
}

TEST_F(Metrics, HaveHelpTexts) {
  MakeChain("c");
  EnqueuePayloads(MakeChain("d"), {"x"});
  size_t families = 0;
  metrics.Visit([&](const std::string& name, const MetricsRegistry::Family& family) {
    ++families;
    EXPECT_FALSE(family.help.empty()) << name;
  });
  EXPECT_EQ(families, 16u);
}

}  // namespace
}  // namespace sluice
