#include "server/reply/settler.h"

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
#include "server/telemetry/exposition.h"
#include "tests/support/fake_publisher.h"
#include "tests/support/manual_clock.h"
#include "tests/support/messages.h"
#include "tests/support/recording_result_sink.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
  void OnForgotten(std::span<const RecordId> /*records*/) override {}
  void OnAttempts(std::span<const AttemptsNote> /*notes*/) override {}

  Chain chain_{.name = "c", .index = 0, .options = {}};
  Route route_;
  ManualClock clock_;
  MetricsRegistry metrics_;
  FailingJournal journal_;
  FakePublisher publisher_;
  static constexpr size_t kOutbox = 10'000;
  std::vector<bool> outbox_full_;
  Outbox outbox_{
      clock_, journal_, metrics_, {.max_messages = kOutbox}, [this](bool full) { outbox_full_.push_back(full); }};
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
  Settler settler_{clock_,
                   dispatcher_,
                   journal_,
                   outbox_,
                   rules_,
                   metrics_,
                   {.max_messages = 3, .max_bytes = 1u << 20},
                   [this](bool full) { full_.push_back(full); }};
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

TEST_F(SettlerTest, AnAckEndsTheMessageAndPutsItsRepliesIntoTheOutbox) {
  uint64_t delivery = Deliver();
  EXPECT_EQ(journal_.depth().ingress_messages, 1u);
  Settle(delivery, Verdict::kAck, ReplyTo("answer"));
  EXPECT_EQ(journal_.depth().ingress_messages, 0u);
  EXPECT_EQ(journal_.depth().outbox_messages, 1u);
  ASSERT_EQ(publisher_.open().size(), 1u);
  EXPECT_EQ(publisher_.open()[0].message->topic, "answer");
  EXPECT_EQ(dispatcher_.Backlog(), 0u);
}

TEST_F(SettlerTest, ASecondSettleIsStaleAndPublishesNothing) {
  uint64_t delivery = Deliver();
  Settle(delivery, Verdict::kAck);
  Settle(delivery, Verdict::kAck, ReplyTo("answer", 9));
  EXPECT_TRUE(publisher_.open().empty());
  ASSERT_EQ(results_->all.size(), 2u);
  EXPECT_EQ(results_->all[0].code, ItemResult::Code::kStale);
  EXPECT_EQ(results_->all[0].reply_id, 0u);
  EXPECT_EQ(results_->all[1].reply_id, 9u);
}

TEST_F(SettlerTest, ARetryKeepsTheRecord) {
  Settle(Deliver(), Verdict::kRetry);
  EXPECT_EQ(journal_.depth().ingress_messages, 1u);
  EXPECT_EQ(dispatcher_.Backlog(), 1u);
}

TEST_F(SettlerTest, ARejectGoesToTheDeadLettersWithItsReasonAndKeepsItsRecord) {
  Settle(Deliver(), Verdict::kReject);
  ASSERT_EQ(dead_letters_.size(), 1u);
  EXPECT_EQ(dead_letters_[0].reason, "rejected: because");
  EXPECT_EQ(dead_letters_[0].worker, "w/1");
  EXPECT_EQ(journal_.depth().ingress_messages, 1u);
  EXPECT_EQ(dispatcher_.Backlog(), 0u);
}

TEST_F(SettlerTest, AnInvalidReplyIsToldAndTheAckHolds) {
  Settle(Deliver(), Verdict::kAck, ReplyTo("a/#"));
  ASSERT_EQ(results_->all.size(), 1u);
  EXPECT_EQ(results_->all[0].code, ItemResult::Code::kInvalidTopic);
  EXPECT_EQ(dispatcher_.Backlog(), 0u);
  EXPECT_TRUE(publisher_.open().empty());
}

TEST_F(SettlerTest, AReplyAheadOfItsSettleLeavesTheMessageInFlight) {
  uint64_t delivery = Deliver();
  std::vector<WorkerReply> replies = ReplyTo("progress", 5);
  replies[0].delivery_id = delivery;
  settler_.OnReplies(session_, std::move(replies), results_);
  EXPECT_EQ(publisher_.open().size(), 1u);
  EXPECT_EQ(dispatcher_.Backlog(), 1u);
  publisher_.ConfirmAll();
  ASSERT_EQ(results_->all.size(), 1u);
  EXPECT_EQ(results_->all[0].reply_id, 5u);
}

TEST_F(SettlerTest, AReplyToAForeignDeliveryIsStale) {
  std::vector<WorkerReply> replies = ReplyTo("progress", 5);
  replies[0].delivery_id = 12345;
  settler_.OnReplies(session_, std::move(replies), results_);
  EXPECT_TRUE(publisher_.open().empty());
  ASSERT_EQ(results_->all.size(), 1u);
  EXPECT_EQ(results_->all[0].code, ItemResult::Code::kStale);
}

TEST_F(SettlerTest, ReplyWithoutATopicIsOkAndPublishesNothing) {
  Settle(Deliver(), Verdict::kAck, ReplyTo("", 3));
  EXPECT_TRUE(publisher_.open().empty());
  ASSERT_EQ(results_->all.size(), 1u);
  EXPECT_EQ(results_->all[0].code, ItemResult::Code::kOk);
}

TEST_F(SettlerTest, QosZeroRepliesWaitForTheBrokerOnlyIfTheirMessageWasAcknowledged) {
  Settle(Deliver({.qos = Qos::kAtMostOnce}), Verdict::kAck, ReplyTo("t", 0, 0));
  Settle(Deliver({.qos = Qos::kAtLeastOnce}), Verdict::kAck, ReplyTo("t", 0, 0));
  ASSERT_EQ(publisher_.open().size(), 2u);
  EXPECT_FALSE(publisher_.open()[0].wait_for_connection);
  EXPECT_TRUE(publisher_.open()[1].wait_for_connection);
  EXPECT_EQ(journal_.depth().outbox_messages, 1u);
}

TEST_F(SettlerTest, TheJournalIsToldWhereARepliesIsToBePublished) {
  Settle(Deliver(), Verdict::kAck, ReplyTo("answer"));
  EXPECT_THAT(journal_.connections, ElementsAre("plant"));
}

TEST_F(SettlerTest, NothingThatNeedsNoRecordTouchesTheJournal) {
  Settle(Deliver({.qos = Qos::kAtMostOnce}), Verdict::kAck, ReplyTo("t", 0, 0));
  Settle(Deliver(), Verdict::kRetry);
  EXPECT_EQ(journal_.settles, 0);
}

// ------------------------------------------------------------------------------------------------ a full disk

TEST_F(SettlerTest, ASettleWaitsUntilTheJournalCanBeWritten) {
  uint64_t delivery = Deliver();
  journal_.full = true;
  Settle(delivery, Verdict::kAck, ReplyTo("answer", 9));
  settler_.Tick(clock_.Now());
  EXPECT_TRUE(settler_.holding());
  EXPECT_TRUE(publisher_.open().empty());
  EXPECT_EQ(dispatcher_.Backlog(), 1u);
  EXPECT_EQ(journal_.depth().ingress_messages, 1u);
  Recover();
  EXPECT_FALSE(settler_.holding());
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("answer"));
  EXPECT_EQ(dispatcher_.Backlog(), 0u);
  EXPECT_EQ(journal_.depth().ingress_messages, 0u);
  publisher_.ConfirmAll();
  ASSERT_EQ(results_->all.size(), 1u);
  EXPECT_EQ(results_->all[0].reply_id, 9u);
  EXPECT_EQ(results_->all[0].code, ItemResult::Code::kOk);
}

TEST_F(SettlerTest, AFullDiskCountsNoAttemptAndMakesNoDeadLetter) {
  chain_.options.max_attempts = 1;
  uint64_t delivery = Deliver();
  journal_.full = true;
  Settle(delivery, Verdict::kAck, ReplyTo("answer"));
  // Neither its lease nor anything else gives the message to a worker again.
  clock_.Advance(Millis(3'600'000));
  dispatcher_.Tick(clock_.Now());
  settler_.Tick(clock_.Now());
  EXPECT_EQ(sink_->deliveries.size(), 1u);
  Recover();
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("answer"));
}

TEST_F(SettlerTest, WhatComesWhileSettlesAreHeldKeepsItsPlaceBehindThem) {
  uint64_t first = Deliver();
  uint64_t second = Deliver();
  uint64_t third = Deliver();
  journal_.full = true;
  Settle(first, Verdict::kAck, ReplyTo("1"));
  ReplyAhead(second, "2");
  journal_.full = false;
  Settle(third, Verdict::kAck, ReplyTo("3"));
  Settle(second, Verdict::kAck, ReplyTo("4"));
  EXPECT_TRUE(publisher_.open().empty());
  Recover();
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("1", "2", "3", "4"));
  EXPECT_EQ(dispatcher_.Backlog(), 0u);
  // All of them in one write.
  EXPECT_EQ(journal_.settles, 1);
}

TEST_F(SettlerTest, TriesTheJournalAtIntervalsAndKeepsTheOrderOverFailedTries) {
  uint64_t first = Deliver();
  uint64_t second = Deliver();
  journal_.full = true;
  Settle(first, Verdict::kAck, ReplyTo("1"));
  const SteadyTime again = settler_.Tick(clock_.Now());
  EXPECT_GT(again, clock_.Now());
  Settle(second, Verdict::kAck, ReplyTo("2"));
  clock_.Advance(Millis(1'000));
  settler_.Tick(clock_.Now());
  EXPECT_EQ(metrics_.GetGauge("sluice_settles_held", "").value(), 2);
  // Before it is due nothing is tried.
  journal_.full = false;
  settler_.Tick(clock_.Now());
  EXPECT_TRUE(settler_.holding());
  Recover();
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("1", "2"));
  EXPECT_EQ(metrics_.GetGauge("sluice_settles_held", "").value(), 0);
}

TEST_F(SettlerTest, WhatNeedsNoRecordGoesOnOverAFullDisk) {
  uint64_t held = Deliver();
  uint64_t retried = Deliver();
  uint64_t qos0 = Deliver({.qos = Qos::kAtMostOnce});
  journal_.full = true;
  Settle(held, Verdict::kAck);
  Settle(retried, Verdict::kRetry);
  Settle(qos0, Verdict::kAck, ReplyTo("t", 0, 0));
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("t"));
  EXPECT_EQ(dispatcher_.Backlog(), 2u);
}

TEST_F(SettlerTest, AHeldSettleOutlivesItsWorkersStream) {
  uint64_t delivery = Deliver();
  journal_.full = true;
  Settle(delivery, Verdict::kAck, ReplyTo("answer"));
  dispatcher_.RemoveSession(session_, SessionEnd::kLost, delivery);
  Recover();
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("answer"));
  EXPECT_EQ(dispatcher_.Backlog(), 0u);
}

TEST_F(SettlerTest, AtABoundOfWhatIsHeldNothingMoreIsReadOfWorkers) {
  uint64_t delivery = Deliver();
  journal_.full = true;
  for (const char* topic : {"1", "2"}) ReplyAhead(delivery, topic);
  EXPECT_TRUE(full_.empty());
  ReplyAhead(delivery, "3");
  EXPECT_THAT(full_, ElementsAre(true));
  // What has been read is taken.
  Settle(delivery, Verdict::kAck, ReplyTo("4"));
  EXPECT_TRUE(results_->all.empty());
  Recover();
  EXPECT_THAT(full_, ElementsAre(true, false));
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("1", "2", "3", "4"));
}

// ------------------------------------------------------------------------------------------------ a slow disk

class SettlerThreadTest : public SettlerTest {
 protected:
  SettlerThreadTest() { at_ = &own_; }
  ~SettlerThreadTest() override { own_.Stop(); }

  // The disk is slow: a write that has begun does not end before Go().
  void Stall() {
    journal_.before_write = [this] {
      writing_.release();
      go_.acquire();
    };
  }
  void AwaitWrite() { writing_.acquire(); }
  void Go(int writes) { go_.release(writes); }
  bool Flush() { return own_.Flush(Clock::Real().Now() + Millis(10'000)); }

  std::counting_semaphore<> writing_{0};
  std::counting_semaphore<> go_{0};
  Settler own_{clock_,
               dispatcher_,
               journal_,
               outbox_,
               rules_,
               metrics_,
               {.max_messages = 3, .max_bytes = 1u << 20},
               [this](bool full) { full_.push_back(full); },
               Settler::Writes::kOnOwnThread};
};

TEST_F(SettlerThreadTest, WhoSettlesDoesNotWaitAndWhatComesMeanwhileIsOneWrite) {
  const uint64_t first = Deliver();
  const uint64_t second = Deliver();
  const uint64_t third = Deliver();
  Stall();
  Settle(first, Verdict::kAck, ReplyTo("1"));
  AwaitWrite();
  ReplyAhead(second, "2");
  Settle(third, Verdict::kAck);
  Settle(second, Verdict::kAck, ReplyTo("3"));
  EXPECT_TRUE(publisher_.open().empty());
  EXPECT_EQ(dispatcher_.Backlog(), 3u) << "each keeps its place in the window";
  Go(2);
  EXPECT_TRUE(Flush());
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("1", "2", "3"));
  EXPECT_EQ(journal_.settles, 2);
  EXPECT_EQ(dispatcher_.Backlog(), 0u);
  EXPECT_FALSE(own_.holding());
}

TEST_F(SettlerThreadTest, WhatNeedsNoRecordKeepsItsPlaceBehindAWrite) {
  const uint64_t first = Deliver();
  const uint64_t qos0 = Deliver({.qos = Qos::kAtMostOnce});
  Stall();
  Settle(first, Verdict::kAck, ReplyTo("1"));
  AwaitWrite();
  Settle(qos0, Verdict::kAck, ReplyTo("2", 0, 0));
  EXPECT_TRUE(publisher_.open().empty());
  Go(2);
  EXPECT_TRUE(Flush());
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("1", "2"));
}

TEST_F(SettlerThreadTest, AtABoundOfRepliesThatWaitForTheDiskNothingMoreIsReadOfWorkers) {
  const uint64_t delivery = Deliver();
  Stall();
  ReplyAhead(delivery, "1");
  AwaitWrite();
  for (size_t i = 2; i < kOutbox; ++i) ReplyAhead(delivery, "2");
  EXPECT_TRUE(outbox_full_.empty());
  ReplyAhead(delivery, "3");
  EXPECT_THAT(outbox_full_, ElementsAre(true)) << "what waits for the disk counts as what waits for the broker";
  Go(1'000);
  EXPECT_TRUE(Flush());
  EXPECT_EQ(outbox_.outstanding(), kOutbox);
  publisher_.ConfirmAll();
  EXPECT_THAT(outbox_full_, ElementsAre(true, false));
  EXPECT_EQ(outbox_.outstanding(), 0u);
}

TEST_F(SettlerThreadTest, ADiskThatTakesNothingIsTriedAgainUntilItDoes) {
  const uint64_t delivery = Deliver();
  journal_.full = true;
  Settle(delivery, Verdict::kAck, ReplyTo("answer"));
  EXPECT_FALSE(Flush()) << "waits for no journal that cannot be written";
  EXPECT_TRUE(own_.holding());
  EXPECT_EQ(metrics_.GetGauge("sluice_settles_held", "").value(), 1);
  journal_.full = false;
  while (own_.holding()) std::this_thread::yield();
  EXPECT_TRUE(Flush());
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("answer"));
  EXPECT_EQ(metrics_.GetGauge("sluice_settles_held", "").value(), 0);
}

TEST_F(SettlerThreadTest, OtherWorkForTheDiskIsDoneThereToo) {
  std::atomic<std::thread::id> ran;
  own_.Run([&ran] { ran = std::this_thread::get_id(); });
  EXPECT_TRUE(Flush());
  EXPECT_NE(ran.load(), std::this_thread::get_id());
  own_.Stop();
  own_.Run([&ran] { ran = std::this_thread::get_id(); });
  EXPECT_EQ(ran.load(), std::this_thread::get_id()) << "once it has stopped, nothing is lost";
}

// ------------------------------------------------------------------------------------------------ not published

TEST_F(SettlerTest, ARetryPublishesNoReplyAndSaysSo) {
  uint64_t delivery = Deliver();
  Settle(delivery, Verdict::kRetry, ReplyTo("progress", 7));
  EXPECT_TRUE(publisher_.open().empty());
  EXPECT_EQ(journal_.settles, 0);
  ASSERT_EQ(results_->all.size(), 1u);
  EXPECT_EQ(results_->all[0].reply_id, 7u);
  EXPECT_EQ(results_->all[0].delivery_id, delivery);
  EXPECT_EQ(results_->all[0].code, ItemResult::Code::kNotPublished);
  EXPECT_EQ(metrics_.GetCounter("sluice_replies_not_sent_total", "", {{"reason", "retry"}}).value(), 1u);
}

TEST_F(SettlerTest, ARejectPublishesItsReplies) {
  Settle(Deliver(), Verdict::kReject, ReplyTo("sorry"));
  Settle(Deliver(), Verdict::kDrop, ReplyTo("dropped"));
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("sorry", "dropped"));
}

TEST_F(SettlerTest, AReplyThatTheGatewayRefusesGoesToTheDeadLettersInTheWriteThatEndsItsMessage) {
  uint64_t delivery = Deliver();
  const MessageId id = sink_->deliveries.back().message_id;
  Settle(delivery, Verdict::kAck, ReplyTo("secret/1", 9));
  EXPECT_TRUE(publisher_.open().empty());
  ASSERT_EQ(results_->all.size(), 1u);
  EXPECT_EQ(results_->all[0].code, ItemResult::Code::kDenied);
  // One write, so that neither a kill before it nor one behind it loses the answer.
  EXPECT_EQ(journal_.settles, 1);
  ASSERT_EQ(journal_.refusals.size(), 1u);
  EXPECT_EQ(journal_.refusals[0].reason, "denied: secret");
  EXPECT_EQ(journal_.refusals[0].worker, "w/1");
  EXPECT_EQ(journal_.depth().ingress_messages, 0u);
  EXPECT_EQ(journal_.depth().outbox_messages, 1u);
  ASSERT_EQ(denied_.all.size(), 1u);
  const RefusedReply& kept = denied_.all[0];
  EXPECT_TRUE(kept.by_gateway);
  EXPECT_NE(kept.record, 0u);
  EXPECT_EQ(kept.message->topic, "secret/1");
  EXPECT_EQ(kept.message->payload, "secret/1");
  EXPECT_EQ(kept.reason, "denied: secret");
  EXPECT_EQ(kept.worker, "w/1");
  EXPECT_EQ(kept.chain, "c");
  EXPECT_EQ(kept.route, "temperature");
  EXPECT_EQ(kept.message_id, id);
  EXPECT_EQ(metrics_.GetCounter("sluice_replies_denied_total", "", {{"chain", "c"}, {"reason", "denied"}}).value(), 1u);
  // It holds its place until the dead letters have it.
  EXPECT_EQ(outbox_.outstanding(), 1u);
  denied_.all.clear();
  EXPECT_EQ(outbox_.outstanding(), 0u);
}

TEST_F(SettlerTest, AChainOfTheConfigurationHasItsCountersBeforeAnyReplyIsRefused) {
  settler_.Expect(chain_);
  const std::string text = PrometheusText(metrics_);
  for (const char* reason : {"denied", "invalid_topic", "invalid_qos", "too_large", "invalid"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("sluice_replies_denied_total{chain=\"c\",reason=\"", reason, "\"} 0")));
  }
}

TEST_F(SettlerTest, EveryKindOfRefusalIsKept) {
  for (const char* topic : {"a/#", "", "tab\there", "secret/x"}) Settle(Deliver(), Verdict::kAck, ReplyTo(topic));
  Settle(Deliver(), Verdict::kAck, ReplyTo("answer", 0, 7));
  std::vector<std::string> reasons;
  for (const RefusedReply& reply : denied_.all) reasons.push_back(reply.reason.substr(0, reply.reason.find(':')));
  EXPECT_THAT(reasons, ElementsAre("invalid_topic", "invalid_topic", "denied", "invalid_qos"));
  EXPECT_EQ(denied_.all.back().message->qos, Qos::kExactlyOnce);
}

TEST_F(SettlerTest, ARefusedReplyOfQos0ToAMessageOfQos0IsKeptWithoutARecord) {
  Settle(Deliver({.qos = Qos::kAtMostOnce}), Verdict::kAck, ReplyTo("secret/1", 0, 0));
  EXPECT_EQ(journal_.settles, 0);
  ASSERT_EQ(denied_.all.size(), 1u);
  EXPECT_EQ(denied_.all[0].record, 0u);
}

TEST_F(SettlerTest, ARefusedReplyIsHeldWithTheRestWhileTheJournalCannotBeWritten) {
  uint64_t delivery = Deliver();
  journal_.full = true;
  Settle(delivery, Verdict::kAck, ReplyTo("secret/1"));
  EXPECT_TRUE(denied_.all.empty());
  Recover();
  EXPECT_EQ(denied_.all.size(), 1u);
}

TEST_F(SettlerTest, WhereRefusedRepliesAreDroppedTheyAreToldAndCountedOnly) {
  rules_.keep_denied = false;
  Settler settler(clock_, dispatcher_, journal_, outbox_, rules_, metrics_, {}, [](bool) {});
  WorkerSettle settle;
  settle.delivery_id = Deliver();
  settle.replies.push_back(std::move(ReplyTo("secret/1")[0]));
  std::vector<WorkerSettle> settles;
  settles.push_back(std::move(settle));
  settler.OnSettles(session_, std::move(settles), results_);
  EXPECT_TRUE(denied_.all.empty());
  EXPECT_EQ(journal_.depth().outbox_messages, 0u);
  EXPECT_EQ(metrics_.GetCounter("sluice_replies_denied_total", "", {{"chain", "c"}, {"reason", "denied"}}).value(), 1u);
}

TEST_F(SettlerTest, AReplysExpiryCountsFromWhenItCame) {
  std::vector<WorkerReply> replies = ReplyTo("answer");
  replies[0].properties = std::make_unique<Properties>();
  replies[0].properties->expiry_s = 3;
  Settle(Deliver(), Verdict::kAck, std::move(replies));
  ASSERT_EQ(publisher_.open().size(), 1u);
  const OutboundMessage& message = *publisher_.open()[0].message;
  EXPECT_EQ(message.made, clock_.Now());
  EXPECT_EQ(message.made_unix_ms, clock_.UnixMillis());
  EXPECT_EQ(message.ExpiryLeft(clock_.Now() + Millis(2'500)), 1u);
  EXPECT_EQ(message.expires(), clock_.Now() + Millis(3'000));
}

TEST_F(SettlerTest, AReplyGoesOnlyWhereTheWorkersRulesLetItForTheMessageThatItHolds) {
  const std::shared_ptr<BoundSink> sink =
      Bound({.name = "r", .who = {"**"}, .chains = {"c"}, .allow_replies = {"plant/${topic.2}/reply"}});
  const uint64_t of_7 = Deliver({.topic = "plant/7/temp"});
  const uint64_t of_8 = Deliver({.topic = "plant/8/temp"});
  const auto reply = [&](uint64_t delivery, const std::string& topic) {
    std::vector<WorkerReply> replies = ReplyTo(topic, delivery);
    replies[0].delivery_id = delivery;
    settler_.OnReplies(session_, std::move(replies), sink);
  };
  reply(of_7, "plant/8/reply");
  ASSERT_EQ(sink->all.size(), 1);
  EXPECT_EQ(sink->all[0].code, ItemResult::Code::kDenied);
  EXPECT_THAT(sink->all[0].message, HasSubstr("no rule permits"));
  ASSERT_EQ(denied_.all.size(), 1) << "it goes the way of replies.onDenied";
  EXPECT_THAT(journal_.refusals.at(0).reason, HasSubstr("not_permitted: "));
  EXPECT_THAT(PrometheusText(metrics_),
              HasSubstr("sluice_replies_denied_total{chain=\"c\",reason=\"not_permitted\"} 1"));
  reply(of_8, "plant/8/reply");
  reply(of_7, "plant/7/reply");
  EXPECT_EQ(publisher_.open().size(), 2);
}

TEST_F(SettlerTest, NobodyPublishesForAMessageThatAnotherHolds) {
  const std::shared_ptr<BoundSink> sink = Bound({.name = "r", .who = {"**"}, .chains = {"c"}, .allow_replies = {"#"}});
  const uint64_t delivery = Deliver({.topic = "plant/7/temp"});
  const SessionId other =
      dispatcher_.AddSession({.worker = "w/2", .chains = {&chain_}, .window = {100, 0}, .lease = Millis(0)},
                             std::make_shared<CollectingSink>());
  std::vector<WorkerReply> replies = ReplyTo("plant/7/reply", 1);
  replies[0].delivery_id = delivery;
  settler_.OnReplies(other, std::move(replies), sink);
  ASSERT_EQ(sink->all.size(), 1);
  EXPECT_EQ(sink->all[0].code, ItemResult::Code::kStale);
  EXPECT_TRUE(publisher_.open().empty());
}

}  // namespace
}  // namespace sluice
