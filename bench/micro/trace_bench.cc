// What a step of a message costs that is kept for sluicectl trace: alone, with more threads, and with tracing off.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "server/tap/tap.h"

namespace sluice {
namespace {

// By a second in which 128 times as many steps came as are wanted.
void KeepOneIn128(TraceRing& ring) {
  const SteadyTime begin = Clock::Real().Now() + Millis(1'000);
  ring.Tick(begin);
  const std::vector<MessageId> ids(128'000);
  ring.Add(
      ids, [](const MessageId& id) { return id; }, [](const MessageId& id) { return PassingNote{.message_id = id}; });
  ring.Tick(begin + Millis(1'000));
}

// The five steps of a message that is answered, in batches of `state.range(0)` messages. `state.range(1)`: 0 turns it off,
// 1 keeps all, 2 keeps one message in 128.
void FiveSteps(benchmark::State& state) {
  static TraceRing* ring = nullptr;
  static Tap* tap = nullptr;
  if (state.thread_index() == 0) {
    ring = new TraceRing(Clock::Real(), {.keep = Millis(state.range(1) == 0 ? 0 : 600'000),
                                         .max_steps_per_second = state.range(1) == 2 ? 1'000u : 0u});
    if (state.range(1) == 2) KeepOneIn128(*ring);
    tap = new Tap(Clock::Real(), ring);
  }
  const std::string topic = "plant/hall-3/line-12/temperature", reply = "plant/hall-3/line-12/alarm";
  std::vector<MessageId> batch(static_cast<size_t>(state.range(0)));
  uint64_t next = static_cast<uint64_t>(state.thread_index()) << 48;
  const auto id_of = [](const MessageId& id) { return id; };
  for (auto _ : state) {
    for (MessageId& id : batch) id = {1, ++next};
    for (const PassingStep step : {PassingStep::kReceived, PassingStep::kDelivered, PassingStep::kSettled,
                                   PassingStep::kReplied, PassingStep::kConfirmed}) {
      if (!tap->on()) continue;
      tap->Tell(batch, id_of, [&](const MessageId& id) {
        return PassingNote{.step = step,
                           .message_id = id,
                           .topic = step == PassingStep::kReplied ? reply : topic,
                           .qos = Qos::kAtLeastOnce,
                           .connection = "plant",
                           .chain = "temperature",
                           .worker = step == PassingStep::kDelivered ? "temperature-alarm/host-1" : "",
                           .attempt = 1,
                           .outcome = step == PassingStep::kSettled ? "ack" : ""};
      });
    }
    benchmark::ClobberMemory();
  }
  state.counters["ns_per_step"] = benchmark::Counter(5.0 * static_cast<double>(state.iterations() * state.range(0)),
                                                     benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  if (state.thread_index() == 0) {
    delete tap;
    delete ring;
  }
}
BENCHMARK(FiveSteps)->Args({1, 0})->Args({1, 1})->Args({16, 0})->Args({16, 1})->Args({256, 1});
BENCHMARK(FiveSteps)->Args({1, 2})->Args({16, 2})->Args({256, 2});
BENCHMARK(FiveSteps)->Args({16, 1})->Threads(2);

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
