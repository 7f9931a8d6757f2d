// A settler among a real dispatcher and outbox, with a journal that can fail.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/identity/permissions.h"
#include "server/journal/memory_journal.h"
#include "server/reply/settler.h"
#include "server/telemetry/exposition.h"
#include "tests/support/fake_publisher.h"
#include "tests/support/manual_clock.h"
#include "tests/support/messages.h"
#include "tests/support/recording_result_sink.h"

namespace sluice {

// A worker's stream that keeps what it is given.
class CollectingSink final : public DeliverySink {
 public:
  void Deliver(std::vector<Delivery> batch) override {
    for (Delivery& delivery : batch) deliveries.push_back(std::move(delivery));
  }
  void Revoke(std::vector<Revocation> /*revocations*/) override {}
  std::vector<Delivery> deliveries;
};

// The journal of a full disk: takes what came before, nothing more.
class FailingJournal final : public Journal {
 public:
  absl::Status Append(std::span<RoutedMessage> batch) override { return memory_.Append(batch); }
  absl::Status Settle(std::span<const RecordId> records, std::span<OutboxEntry> replies) override {
    if (before_write) before_write();
    if (full) return absl::ResourceExhaustedError("no space left");
    ++settles;
    for (const OutboxEntry& reply : replies) {
      connections.emplace_back(reply.connection);
      if (reply.refusal != nullptr) refusals.push_back(*reply.refusal);
    }
    return memory_.Settle(records, replies);
  }
  void Confirm(std::span<const RecordId> outbox_records) override { memory_.Confirm(outbox_records); }
  Depth depth() const override { return memory_.depth(); }

  std::atomic<bool> full = false;
  std::function<void()> before_write;
  int settles = 0;
  std::vector<std::string> connections;  // Of the replies.
  std::vector<ReplyRefusal> refusals;    // Of those that are not to be published.

 private:
  MemoryJournal memory_;
};

// The dead letters, as the outbox sees them.
class CollectingRefusals final : public RefusedReplies {
 public:
  void Take(std::vector<RefusedReply> replies) override {
    for (RefusedReply& reply : replies) all.push_back(std::move(reply));
  }
  std::vector<RefusedReply> all;
};

class SettlerTest : public ::testing::Test, private DispatcherListener {
 protected:
  SettlerTest() {
    route_.id = "temperature";
    route_.connection = "plant";
    publisher_.ListenWith(outbox_);
    outbox_.AddConnection("plant", publisher_);
    outbox_.HandDeniedTo(denied_);
    session_ =
        dispatcher_.AddSession({.worker = "w/1", .chains = {&chain_}, .window = {100, 0}, .lease = Millis(0)}, sink_);
  }

  // A message comes in and is delivered; returns its delivery.
  uint64_t Deliver(MessageSpec spec = {}) {
    RoutedMessage routed;
    routed.message = MakeMessage(std::move(spec));
    routed.route = &route_;
    routed.chain = &chain_;
    routed.id = NextMessageId(0);
    EXPECT_TRUE(journal_.Append({&routed, 1}).ok());
    dispatcher_.Enqueue({&routed, 1});
    return sink_->deliveries.back().id;
  }
  void Settle(uint64_t delivery, Verdict verdict, std::vector<WorkerReply> replies = {}) {
    WorkerSettle settle;
    settle.delivery_id = delivery;
    settle.verdict = verdict;
    settle.reason = "because";
    for (WorkerReply& reply : replies) settle.replies.push_back(std::move(reply));
    std::vector<WorkerSettle> settles;
    settles.push_back(std::move(settle));
    at_->OnSettles(session_, std::move(settles), results_);
  }
  static std::vector<WorkerReply> ReplyTo(const std::string& topic, uint64_t reply_id = 0, uint32_t qos = 1) {
    WorkerReply reply;
    reply.topic = topic;
    reply.payload = topic;
    reply.reply_id = reply_id;
    reply.qos = qos;
    std::vector<WorkerReply> replies;
    replies.push_back(std::move(reply));
    return replies;
  }

  void OnPressure(const Chain& /*chain*/, bool /*high*/) override {}
  void OnDeadLetters(std::vector<DeadLetter> letters) override {
    for (DeadLetter& letter : letters) dead_letters_.push_back(std::move(letter));
  }
  void OnLost(const LostDeliveries& /*lost*/) override {}
  void OnDropped(std::vector<LostMessage> /*dropped*/) override {}
  void OnAttempts(std::span<const AttemptsNote> /*notes*/) override {}

  Chain chain_{"c"};
  Route route_;
  ManualClock clock_;
  MetricsRegistry metrics_;
  FailingJournal journal_;
  FakePublisher publisher_;
  static constexpr size_t kOutbox = 10'000;
  std::vector<bool> outbox_full_;
  Outbox outbox_{
      clock_, journal_, metrics_, {.max_messages = kOutbox}, [this](const std::string& /*connection*/, bool full) {
        outbox_full_.push_back(full);
      }};
  std::vector<DeadLetter> dead_letters_;
  Dispatcher dispatcher_{clock_, metrics_, *this, [](SteadyTime) {}, 1};
  // Where replies may not go.
  static bool Permits(std::string_view topic, std::string& why) {
    if (!topic.starts_with("secret/")) return true;
    why = "secret";
    return false;
  }
  ReplyRules rules_{
      .permits = [](const Route&, std::string_view topic, std::string& why) { return Permits(topic, why); }};
  std::vector<bool> full_;
  Settler MakeSettler(Settler::Writes writes) {
    const Settler::HeldLimits limits{.max_messages = 3, .max_bytes = 1u << 20};
    const auto on_full = [this](bool full) { full_.push_back(full); };
    return {clock_, dispatcher_, journal_, outbox_, rules_, metrics_, limits, on_full, writes};
  }
  Settler settler_ = MakeSettler(Settler::Writes::kAtOnce);
  Settler* at_ = &settler_;
  CollectingRefusals denied_;
  void ReplyAhead(uint64_t delivery, const std::string& topic, uint64_t reply_id = 0) {
    std::vector<WorkerReply> replies = ReplyTo(topic, reply_id);
    replies[0].delivery_id = delivery;
    at_->OnReplies(session_, std::move(replies), results_);
  }
  // The disk has room again, and the settler has found out.
  void Recover() {
    journal_.full = false;
    clock_.Advance(Millis(1'000));
    for (int i = 0; i < 100 && settler_.holding(); ++i) settler_.Tick(clock_.Now());
  }

  // A worker's stream whose replies rules bound.
  struct BoundSink final : ResultSink {
    void SendResults(std::vector<ItemResult> results) override {
      for (ItemResult& result : results) all.push_back(std::move(result));
    }
    const StreamGrants* grants() const override { return bounds.get(); }
    std::unique_ptr<const StreamGrants> bounds;
    std::vector<ItemResult> all;
  };
  std::shared_ptr<BoundSink> Bound(const PermissionRule& rule) const {
    auto sink = std::make_shared<BoundSink>();
    sink->bounds = std::make_unique<const StreamGrants>(Permissions::Compile({rule})->For({.names = {"sub:w"}}),
                                                        std::vector<const Chain*>{&chain_});
    return sink;
  }

  std::shared_ptr<CollectingSink> sink_ = std::make_shared<CollectingSink>();
  std::shared_ptr<RecordingResultSink> results_ = std::make_shared<RecordingResultSink>();
  SessionId session_ = 0;
};

}  // namespace sluice
