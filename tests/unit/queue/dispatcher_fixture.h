// A dispatcher with hand-moved time, and workers and a listener that remember what they were given.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "server/queue/dispatcher.h"
#include "tests/support/manual_clock.h"

namespace sluice {

// A worker's stream that keeps what it is given. Not thread-safe.
class FakeWorker final : public DeliverySink {
 public:
  void Deliver(std::vector<Delivery> batch) override {
    batches.push_back(batch.size());
    for (Delivery& delivery : batch) deliveries.push_back(std::move(delivery));
  }
  void Revoke(std::vector<Revocation> batch) override {
    for (const Revocation& each : batch) revoked.emplace_back(each.delivery_id, each.reason);
  }

  // Takes the oldest delivery that was not taken yet.
  Delivery Take() {
    EXPECT_LT(taken_, deliveries.size()) << "nothing was delivered";
    return taken_ < deliveries.size() ? deliveries[taken_++] : Delivery{};
  }
  // Payloads of what was not taken yet, and takes them.
  std::vector<std::string> TakePayloads() {
    std::vector<std::string> payloads;
    while (taken_ < deliveries.size()) payloads.emplace_back(deliveries[taken_++].message->payload);
    return payloads;
  }

  size_t taken() const { return taken_; }

  SessionId id = 0;
  std::vector<Delivery> deliveries;
  std::vector<size_t> batches;
  std::vector<std::pair<uint64_t, RevokeReason>> revoked;

 private:
  size_t taken_ = 0;
};

class FakeListener final : public DispatcherListener {
 public:
  void OnPressure(const Chain& chain, bool high) override { pressure.emplace_back(chain.name, high); }
  void OnDeadLetters(std::vector<DeadLetter> letters) override {
    for (DeadLetter& letter : letters) dead_letters.push_back(std::move(letter));
  }
  void OnLost(const LostDeliveries& worker) override {
    if (on_lost) on_lost();
    for (const LostDeliveries::One& one : worker.deliveries) {
      lost.push_back({worker.worker, std::string(one.message->payload), one.attempt, one.loss});
    }
  }
  void OnDropped(std::vector<LostMessage> messages) override {
    for (const LostMessage& one : messages) {
      dropped.emplace_back(one.message.message->payload, one.loss);
      if (one.message.record != 0) forgotten.push_back(one.message.record);
    }
  }

  void OnAttempts(std::span<const AttemptsNote> notes) override {
    for (const AttemptsNote& note : notes) attempts.emplace_back(note.record, note.attempts);
  }

  // Worker, payload, attempt, and how.
  std::vector<std::tuple<std::string, std::string, uint32_t, DeliveryLoss>> lost;
  std::function<void()> on_lost;
  std::vector<std::pair<std::string, bool>> pressure;
  std::vector<DeadLetter> dead_letters;
  std::vector<std::pair<std::string, Loss>> dropped;  // Payloads.
  std::vector<RecordId> forgotten;                    // Their records, if they have one.
  std::vector<std::pair<RecordId, uint32_t>> attempts;
};

struct QueuedSpec {
  std::string topic = "t";
  std::string payload;
  Qos qos = Qos::kAtLeastOnce;
  std::string key;  // Must be part of the topic.
  std::optional<uint32_t> expiry_s;
};

class DispatcherTest : public ::testing::Test {
  // Outlives all that holds one.
  std::vector<std::unique_ptr<Chain>> chains_;

 protected:
  // A chain with options; indexes are given in order.
  const Chain& MakeChain(std::string name, ChainOptions options = {}) {
    return *chains_.emplace_back(
        std::make_unique<Chain>(std::move(name), static_cast<uint32_t>(chains_.size()), std::move(options)));
  }

  // As a change of the configuration does.
  void ChangeOptions(const Chain& chain, ChainOptions options) {
    chains_.at(chain.index)->SetOptions(std::move(options));
    dispatcher.OnOptionsChanged(chain);
  }

  RoutedMessage Make(const Chain& chain, const QueuedSpec& spec) {
    auto storage = std::make_shared<std::string>(spec.topic + spec.payload);
    auto message = std::make_shared<Message>();
    message->topic = std::string_view(*storage).substr(0, spec.topic.size());
    message->payload = std::string_view(*storage).substr(spec.topic.size());
    message->qos = spec.qos;
    message->received = clock.Now();
    message->received_unix_ms = clock.UnixMillis();
    if (spec.expiry_s) {
      auto properties = std::make_unique<Properties>();
      properties->expiry_s = spec.expiry_s;
      message->properties = std::move(properties);
    }
    message->storage = storage;
    RoutedMessage routed;
    const size_t at = spec.key.empty() ? 0 : message->topic.find(spec.key);
    if (!spec.key.empty()) routed.ordering_key = message->topic.substr(at, spec.key.size());
    routed.id = {.high = 1, .low = ++next_record_};
    routed.record = spec.qos == Qos::kAtMostOnce ? 0 : next_record_;
    routed.message = std::move(message);
    routed.route = &route_;
    routed.chain = &chain;
    return routed;
  }

  void Enqueue(const Chain& chain, const std::vector<QueuedSpec>& specs) {
    std::vector<RoutedMessage> batch;
    for (const QueuedSpec& spec : specs) batch.push_back(Make(chain, spec));
    dispatcher.Enqueue(batch);
  }
  // Unordered messages of QoS 1, named by their payloads.
  void EnqueuePayloads(const Chain& chain, const std::vector<std::string>& payloads) {
    std::vector<QueuedSpec> specs;
    for (const std::string& payload : payloads) specs.push_back({.payload = payload});
    Enqueue(chain, specs);
  }

  std::shared_ptr<FakeWorker> Connect(std::vector<const Chain*> chains, Window window, Millis lease = Millis(0),
                                      bool tells_began = false) {
    auto worker = std::make_shared<FakeWorker>();
    worker->id = dispatcher.AddSession({.worker = "w" + std::to_string(++workers_),
                                        .chains = std::move(chains),
                                        .window = window,
                                        .lease = lease,
                                        .tells_began = tells_began},
                                       worker);
    return worker;
  }
  // A worker that says what it has begun.
  std::shared_ptr<FakeWorker> ConnectTelling(std::vector<const Chain*> chains, Window window) {
    return Connect(std::move(chains), window, Millis(0), /*tells_began=*/true);
  }
  std::vector<uint64_t> Begin(const FakeWorker& worker, std::vector<uint64_t> ids) {
    return dispatcher.Begin(worker.id, ids);
  }
  // Its process is gone; it had read all that was sent.
  void Kill(const FakeWorker& worker) { dispatcher.RemoveSession(worker.id, SessionEnd::kLost, UINT64_MAX); }

  // Claims and finishes. False: stale.
  bool Settle(const FakeWorker& worker, uint64_t delivery_id, Verdict verdict, Millis retry_after = Millis(0),
              std::string reason = "") {
    auto claimed = dispatcher.Claim(worker.id, std::vector<uint64_t>{delivery_id});
    if (!claimed[0]) return false;
    std::vector<Dispatcher::Finished> finished;
    finished.push_back({.claimed = std::move(*claimed[0]),
                        .verdict = verdict,
                        .retry_after = retry_after,
                        .reason = std::move(reason)});
    dispatcher.Finish(worker.id, std::move(finished));
    return true;
  }

  // Moves time, and ticks as the ticker would.
  SteadyTime Advance(Millis by) {
    clock.Advance(by);
    return dispatcher.Tick(clock.Now());
  }

  uint64_t CounterOf(const std::string& name, const std::string& chain, const std::string& label = "",
                     const std::string& value = "") {
    Labels labels = {{"chain", chain}};
    if (!label.empty()) labels.emplace_back(label, value);
    return metrics.GetCounter(name, "", labels).value();
  }
  int64_t GaugeOf(const std::string& name, const std::string& chain) {
    return metrics.GetGauge(name, "", {{"chain", chain}}).value();
  }

  ManualClock clock;
  MetricsRegistry metrics;
  FakeListener listener;
  std::vector<SteadyTime> wakes;
  Dispatcher dispatcher{clock, metrics, listener, [this](SteadyTime at) { wakes.push_back(at); }, /*seed=*/7};

 private:
  Route route_{.id = "r1", .connection = "c1", .filter = "t"};
  RecordId next_record_ = 0;
  int workers_ = 0;
};

}  // namespace sluice
