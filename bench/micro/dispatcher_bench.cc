// What a message costs in the dispatcher: enqueue and delivery, claim, finish; in batches, on one thread, which is
// what one connection and its workers do to it at load.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/queue/dispatcher.h"

namespace sluice {
namespace {

class Listener final : public DispatcherListener {
 public:
  void OnPressure(const Chain& /*chain*/, bool /*high*/) override {}
  void OnDeadLetters(std::vector<DeadLetter> /*letters*/) override {}
  void OnLost(const LostDeliveries& /*lost*/) override {}
  void OnDropped(std::vector<LostMessage> /*dropped*/) override {}
  void OnAttempts(std::span<const AttemptsNote> /*notes*/) override {}
};

// Keeps the ids of what it was given, as a stream's writer would keep the deliveries until they are encoded.
class Worker final : public DeliverySink {
 public:
  void Deliver(std::vector<Delivery> batch) override {
    for (const Delivery& delivery : batch) ids.push_back(delivery.id);
  }
  void Revoke(std::vector<Revocation> /*revocations*/) override {}

  SessionId id = 0;
  std::vector<uint64_t> ids;
};

struct Bench {
  Bench(size_t sessions, bool by_topic, uint32_t window) : ordered(by_topic) {
    for (int i = 0; i < kTopics; ++i) {
      const std::string topic = "plant/device-" + std::to_string(i) + "/temperature";
      auto storage = std::make_shared<std::string>(topic + std::string(128, 'x'));
      auto message = std::make_shared<Message>();
      message->topic = std::string_view(*storage).substr(0, topic.size());
      message->payload = std::string_view(*storage).substr(topic.size());
      message->qos = Qos::kAtLeastOnce;
      message->received = Clock::Real().Now();
      message->storage = storage;
      messages.push_back(std::move(message));
    }
    for (size_t i = 0; i < sessions; ++i) {
      workers.push_back(std::make_shared<Worker>());
      workers.back()->id =
          dispatcher.AddSession({.worker = "w", .chains = {&chain}, .window = {.messages = window}}, workers.back());
    }
  }

  void Enqueue(size_t count) {
    batch.resize(count);
    for (RoutedMessage& routed : batch) {
      const MessagePtr& message = messages[next_message++ % messages.size()];
      routed.message = message;
      routed.chain = &chain;
      if (ordered) routed.ordering_key = message->topic;
      routed.record = 1;
      routed.attempts = 0;
    }
    dispatcher.Enqueue(batch);
  }

  // Settles all that was delivered, session by session; returns how much that was.
  size_t SettleAll() {
    size_t settled = 0;
    for (const auto& worker : workers) {
      if (worker->ids.empty()) continue;
      ids.clear();
      ids.swap(worker->ids);
      auto claimed = dispatcher.Claim(worker->id, ids);
      std::vector<Dispatcher::Finished> finished;
      finished.reserve(claimed.size());
      for (auto& one : claimed) finished.push_back({.claimed = std::move(*one)});
      dispatcher.Finish(worker->id, std::move(finished));
      settled += ids.size();
    }
    return settled;
  }

  static constexpr int kTopics = 10'000;

  Chain chain{"bench", 0, {}};
  MetricsRegistry metrics;
  Listener listener;
  Dispatcher dispatcher{Clock::Real(), metrics, listener, [](SteadyTime) {}, 1};
  std::vector<MessagePtr> messages;
  std::vector<std::shared_ptr<Worker>> workers;
  std::vector<RoutedMessage> batch;
  std::vector<uint64_t> ids;
  size_t next_message = 0;
  const bool ordered;
};

// Batches of messages that workers settle at once. Arguments: batch, sessions, ordered by topic. The batch is per
// session, so that a session's deliveries and settles come in batches of that size too.
void EnqueueToFinish(benchmark::State& state) {
  const auto per_session = static_cast<size_t>(state.range(0));
  const auto sessions = static_cast<size_t>(state.range(1));
  Bench bench(sessions, state.range(2) != 0, 10'000);
  for (auto _ : state) {
    bench.Enqueue(per_session * sessions);
    bench.SettleAll();
  }
  state.counters["per_message"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(per_session * sessions),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(EnqueueToFinish)->ArgNames({"batch", "sessions", "by_topic"})->ArgsProduct({{1, 8, 64}, {1, 4, 64}, {0, 1}});

// A queue of 5,000 that does not empty: each settle makes room for one that waits.
void WithBacklog(benchmark::State& state) {
  const auto batch = static_cast<size_t>(state.range(0));
  const auto sessions = static_cast<size_t>(state.range(1));
  Bench bench(sessions, state.range(2) != 0, static_cast<uint32_t>(batch));
  bench.Enqueue(5'000);
  for (auto _ : state) {
    const size_t settled = bench.SettleAll();
    bench.Enqueue(settled);
  }
  state.counters["per_message"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(batch * sessions),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(WithBacklog)->ArgNames({"batch", "sessions", "by_topic"})->ArgsProduct({{1, 8, 64}, {1, 64}, {0, 1}});

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
