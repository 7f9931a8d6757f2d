// What a message costs in the journal on disk: append, settle with a reply, confirm; CPU time of the thread, on a
// directory under $TMPDIR. And what a sync takes there.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "server/journal/inspect.h"
#include "server/journal/segment_journal.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

struct Bench {
  explicit Bench(Fsync fsync, size_t payload = 200) {
    route.id = "temperature";
    route.connection = "plant";
    chain.name = "temperature";
    message = MakeMessage("plant/device-1234/temperature", std::string(payload, 'x'));
    message->qos = Qos::kAtLeastOnce;
    message->received_unix_ms = 1'700'000'000'000;
    auto outbound = std::make_shared<OutboundMessage>();
    outbound->topic = "plant/device-1234/reply";
    outbound->payload = std::string(payload, 'y');
    outbound->qos = Qos::kAtLeastOnce;
    reply = outbound;
    SegmentJournalOptions options;
    options.path = directory / "journal";
    options.fsync = fsync;
    options.max_bytes = 0;
    journal = std::move(SegmentJournal::Open(options).value());
  }

  void Append(size_t count) {
    batch.resize(count);
    for (RoutedMessage& routed : batch) {
      routed.message = message;
      routed.route = &route;
      routed.chain = &chain;
      routed.id = {0x018bcfe568000000, ++next};
    }
    if (!journal->Append(batch).ok()) std::abort();
    for (const RoutedMessage& routed : batch) records.push_back(routed.record);
  }
  void Settle(bool with_replies) {
    replies.clear();
    if (with_replies) replies.resize(records.size(), {reply, 0, route.connection});
    if (!journal->Settle(records, replies).ok()) std::abort();
    records.clear();
  }
  void Confirm() {
    for (const OutboxEntry& each : replies) records.push_back(each.record);
    journal->Confirm(records);
    records.clear();
  }

  TempDir directory;
  Route route;
  Chain chain;
  std::shared_ptr<Message> message;
  std::shared_ptr<const OutboundMessage> reply;
  std::unique_ptr<SegmentJournal> journal;
  std::vector<RoutedMessage> batch;
  std::vector<RecordId> records;
  std::vector<OutboxEntry> replies;
  uint64_t next = 0;
};

void PerMessage(benchmark::State& state, size_t batch) {
  state.counters["per_message"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(batch),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// Arguments: batch, with outbox (a reply for each, confirmed).
void AppendAndSettle(benchmark::State& state) {
  const auto batch = static_cast<size_t>(state.range(0));
  const bool outbox = state.range(1) != 0;
  Bench bench(state.range(2) != 0 ? Fsync::kInterval : Fsync::kOff);
  for (auto _ : state) {
    bench.Append(batch);
    bench.Settle(outbox);
    if (outbox) bench.Confirm();
  }
  PerMessage(state, batch);
}
BENCHMARK(AppendAndSettle)->ArgNames({"batch", "outbox", "interval"})->ArgsProduct({{1, 8, 32, 64}, {0, 1}, {0}});
BENCHMARK(AppendAndSettle)->ArgNames({"batch", "outbox", "interval"})->Args({64, 1, 1});

// Bytes written for a message with a payload of 200 B and its settlement.
void BytesPerMessage(benchmark::State& state) {
  const auto batch = static_cast<size_t>(state.range(0));
  Bench bench(Fsync::kOff);
  constexpr uint64_t kMessages = 20'000;
  for (auto _ : state) {
    for (uint64_t i = 0; i < kMessages / batch; ++i) {
      bench.Append(batch);
      bench.Settle(false);
    }
  }
  bench.journal.reset();
  const JournalInspection inspection = InspectJournal(bench.directory / "journal").value();
  state.counters["bytes"] =
      static_cast<double>(inspection.report.bytes) / static_cast<double>(kMessages / batch * batch);
}
BENCHMARK(BytesPerMessage)->ArgNames({"batch"})->Args({1})->Args({64})->Iterations(1);

double ResidentMib() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0;
  statm >> pages >> pages;
  return pages * 4096 / (1 << 20);
}

// A backlog of `messages`: opening it, and reading all of it back.
void OpenAndRecover(benchmark::State& state) {
  const auto messages = static_cast<size_t>(state.range(0));
  Bench bench(Fsync::kOff, 256);
  for (size_t i = 0; i < messages; i += 64) bench.Append(64);
  SegmentJournalOptions options;
  options.path = bench.directory / "journal";
  options.fsync = Fsync::kOff;
  bench.journal.reset();
  size_t read = 0;
  double open_s = 0;
  malloc_trim(0);
  const double before = ResidentMib();
  double grown = 0;
  for (auto _ : state) {
    bench.journal.reset();
    const SteadyTime began = Clock::Real().Now();
    bench.journal = std::move(SegmentJournal::Open(options).value());
    open_s += std::chrono::duration<double>(Clock::Real().Now() - began).count();
    grown = std::max(grown, ResidentMib() - before);
    for (RecordId after = 0;;) {
      const auto some = bench.journal->ReadMessages(after);
      if (some.empty()) break;
      after = some.back().record;
      read += some.size();
    }
  }
  if (read < messages) std::abort();
  state.counters["index_mib"] = grown;
  state.counters["open_s"] = open_s / static_cast<double>(state.iterations());
}
BENCHMARK(OpenAndRecover)
    ->ArgNames({"messages"})
    ->Args({1'000'000})
    ->Args({5'000'000})
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1)
    ->UseRealTime();

// What the backlog does: messages read back by their records, a page at a time; one chain of so many.
void ReadBack(benchmark::State& state) {
  constexpr size_t kMessages = 100'000;
  constexpr size_t kPage = 512;
  const auto chains = static_cast<size_t>(state.range(0));
  Bench bench(Fsync::kOff, 128);
  for (size_t i = 0; i < kMessages; i += 64) bench.Append(64);
  std::vector<RecordId> records;
  for (size_t i = 0; i < kMessages; i += chains) records.push_back(i + 1);
  size_t at = 0;
  for (auto _ : state) {
    if (at + kPage > records.size()) at = 0;
    const auto page = bench.journal->ReadMessages(std::span(records).subspan(at, kPage));
    if (page.messages.size() != kPage) std::abort();
    at += kPage;
  }
  state.counters["per_message"] = benchmark::Counter(static_cast<double>(state.iterations()) * kPage,
                                                     benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(ReadBack)->ArgNames({"chains"})->Arg(1)->Arg(4)->Arg(40);

// fsync: always, one caller: a sync a batch; and with several, who share it.
void AppendSynced(benchmark::State& state) {
  static std::unique_ptr<Bench> shared;
  if (state.thread_index() == 0) shared = std::make_unique<Bench>(Fsync::kAlways);
  Route route;
  Chain chain;
  auto message = MakeMessage("plant/device-1234/temperature", std::string(200, 'x'));
  message->qos = Qos::kAtLeastOnce;
  for (auto _ : state) {
    std::vector<RoutedMessage> batch(8);
    for (RoutedMessage& routed : batch) {
      routed.message = message;
      routed.route = &route;
      routed.chain = &chain;
    }
    if (!shared->journal->Append(batch).ok()) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * 8);
  if (state.thread_index() == 0) shared.reset();
}
BENCHMARK(AppendSynced)->Threads(1)->Threads(4)->Threads(16)->UseRealTime();

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
