// What a dispatcher counts and measures.
#include <gtest/gtest.h>

#include "tests/unit/queue/dispatcher_fixture.h"

namespace sluice {
namespace {

using Metrics = DispatcherTest;

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
  dispatcher.SetOnDisk(chain, {.messages = 1, .bytes = 7}, /*full=*/true);
  EXPECT_EQ(GaugeOf("sluice_on_disk_bytes", chain.name), 7);
  EXPECT_EQ(GaugeOf("sluice_on_disk_full", chain.name), 1);
  clock.Advance(Millis(1'000));
  Settle(*worker, worker->Take().id, Verdict::kAck);
  EXPECT_DOUBLE_EQ(oldest(), 1.0);
  dispatcher.SetOnDisk(chain, {.messages = 0});
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
  EXPECT_EQ(families, 20u);
}

}  // namespace
}  // namespace sluice
