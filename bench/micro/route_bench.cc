// What the route stage costs a message: CPU time and allocations, by parts and as a whole.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/micro/allocations.h"
#include "server/journal/memory_journal.h"
#include "server/message/topic.h"
#include "server/route/route_table.h"
#include "server/route/subscription_plan.h"
#include "server/route/topic_trie.h"
#include "server/router/router.h"

namespace sluice {
namespace {

constexpr int64_t kTopics = 64;

// Routes plant/N/+/temp for N below `count`; the messages go to the last of them.
std::vector<RouteSpec> Specs(int64_t count, const std::string& target) {
  std::vector<RouteSpec> specs;
  for (int64_t i = 0; i < count; ++i) {
    RouteSpec spec;
    spec.id = std::to_string(i);
    spec.connection = "plant";
    spec.filter = "plant/" + std::to_string(i) + "/+/temp";
    spec.qos = Qos::kAtLeastOnce;
    spec.target = target;
    specs.push_back(std::move(spec));
  }
  return specs;
}

std::string Topic(int64_t routes, int64_t n) {
  return "plant/" + std::to_string(routes - 1) + "/boiler-" + std::to_string(n) + "/temp";
}

class Forget final : public RoutedSink {
 public:
  void Enqueue(std::span<RoutedMessage> batch) override { benchmark::DoNotOptimize(batch.data()); }
};

class NoLetters final : public UnroutableSink {
 public:
  bool TakesUnroutable() const override { return true; }
  void TakeUnroutable(std::vector<Unroutable> letters) override { benchmark::DoNotOptimize(letters.data()); }
};

void CheckName(benchmark::State& state) {
  const std::string topic = state.range(0) == 0 ? "plant/999/boiler-17/temp" : "plant/999/Küche-17/temp";
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(CheckTopicName(topic).ok());
}
BENCHMARK(CheckName)->ArgName("utf8")->Arg(0)->Arg(1);

void TrieMatch(benchmark::State& state) {
  TopicTrie trie;
  uint32_t value = 0;
  for (const RouteSpec& spec : Specs(state.range(0), "chain")) trie.Insert(spec.filter, value++);
  std::vector<std::string> topics;
  topics.reserve(kTopics);
  for (int64_t i = 0; i < kTopics; ++i) topics.push_back(Topic(state.range(0), i));
  std::vector<uint32_t> found;
  size_t at = 0;
  for ([[maybe_unused]] auto _ : state) {
    found.clear();
    trie.Match(topics[at++ % kTopics], found);
    benchmark::DoNotOptimize(found.data());
  }
}
BENCHMARK(TrieMatch)->ArgName("routes")->Arg(1)->Arg(1'000)->Arg(10'000);

// The whole stage, with a journal and a queue that cost next to nothing.
void RouteAll(benchmark::State& state, const std::string& target, bool mqtt5) {
  const int64_t routes = state.range(0);
  ChainDirectory chains{ChainOptions{}};
  RouteTable table;
  if (!BuildRoutes(Specs(routes, target), chains, table).ok()) std::abort();
  const auto groups = PlanSubscriptions(table.RoutesOf("plant"), mqtt5);
  MemoryJournal journal;
  Forget queue;
  NoLetters no_letters;
  MetricsRegistry metrics;
  MqttOptions connection;
  connection.name = "plant";
  Router router(connection, {}, groups.front(), chains, journal, queue, no_letters, metrics, Clock::Real());

  std::vector<InboundMessage> messages;
  for (int64_t i = 0; i < state.range(1); ++i) {
    auto text = std::make_shared<const std::string>(Topic(routes, i % kTopics));
    auto message = std::make_shared<Message>();
    message->topic = *text;
    message->payload = *text;
    message->qos = Qos::kAtLeastOnce;
    message->storage = text;
    InboundMessage& inbound = messages.emplace_back();
    inbound.message = std::move(message);
    if (mqtt5) inbound.subscription_ids = {groups.front().planned.back().subscription.id};
  }
  if (!router.OnMessages(messages).ok()) std::abort();  // The buffers grow once.
  const uint64_t before = Allocations();
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(router.OnMessages(messages).ok());
  const auto routed = static_cast<double>(state.iterations() * state.range(1));
  state.counters["allocations"] = static_cast<double>(Allocations() - before) / routed;
  state.counters["per_message"] = benchmark::Counter(routed, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void RouteByIdentifier(benchmark::State& state) { RouteAll(state, "chain:node", true); }
void RouteByTopic(benchmark::State& state) { RouteAll(state, "chain:node", false); }
void RouteToTemplate(benchmark::State& state) { RouteAll(state, "${topic.3}:node", false); }
BENCHMARK(RouteByIdentifier)->ArgNames({"routes", "batch"})->ArgsProduct({{1, 1'000}, {1, 64}});
BENCHMARK(RouteByTopic)->ArgNames({"routes", "batch"})->ArgsProduct({{1, 1'000}, {1, 64}});
BENCHMARK(RouteToTemplate)->ArgNames({"routes", "batch"})->ArgsProduct({{1, 1'000}, {1, 64}});

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
