// What the outbox does with what a broker refuses.
#include "server/reply/refused_replies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/journal/memory_journal.h"
#include "server/reply/outbox.h"
#include "tests/support/fake_publisher.h"
#include "tests/support/manual_clock.h"
#include "tests/support/recording_result_sink.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Code = PublishOutcome::Code;

// Keeps what it is given until the test stores it.
class SlowStore final : public RefusedReplies {
 public:
  explicit SlowStore(Journal& journal) : journal_(journal) {}
  void Take(std::vector<RefusedReply> replies) override {
    for (RefusedReply& reply : replies) waiting.push_back(std::move(reply));
  }
  void Store() {
    for (const RefusedReply& reply : waiting) journal_.Confirm({&reply.record, 1});
    waiting.clear();
  }
  std::vector<RefusedReply> waiting;

 private:
  Journal& journal_;
};

class RefusedRepliesTest : public ::testing::Test {
 protected:
  RefusedRepliesTest() {
    publisher_.ListenWith(outbox_);
    outbox_.AddConnection("plant", publisher_);
  }

  void Send(const std::string& payload, uint64_t reply_id = 0) {
    auto message = std::make_shared<OutboundMessage>();
    message->topic = "reply";
    message->payload = payload;
    message->qos = Qos::kAtLeastOnce;
    OutboxEntry entry{message, 0, "plant"};
    ASSERT_TRUE(journal_.Settle({}, {&entry, 1}).ok());
    std::vector<OutboxItem> items;
    items.push_back({&route_, entry, true, {7, reply_id, sink_, &chain_, {1, 2}}});
    outbox_.Send(std::move(items));
  }
  void Pass(Millis time) {
    clock_.Advance(time);
    outbox_.Tick(clock_.Now());
  }
  uint64_t Counted(const std::string& then) { return RefusedCounter(metrics_, then).value(); }

  Chain chain_{"temperature"};
  Route route_{.id = "boilers", .connection = "plant", .filter = "a", .share = "", .target = {}};
  ManualClock clock_;
  MetricsRegistry metrics_;
  MemoryJournal journal_;
  std::vector<bool> full_;
  std::shared_ptr<RecordingResultSink> sink_ = std::make_shared<RecordingResultSink>();
  FakePublisher publisher_;
  Outbox outbox_{clock_,
                 journal_,
                 metrics_,
                 {.max_messages = 4, .max_bytes = 100'000, .result_timeout = Millis(5'000)},
                 [this](const std::string& /*connection*/, bool full) { full_.push_back(full); }};
  SlowStore store_{journal_};
  DroppedReplies dropped_{clock_, journal_, metrics_};
};

// ------------------------------------------------------------------------------------------------ told

TEST_F(RefusedRepliesTest, TellsEveryWorkerAtOnceWhateverIsDoneThen) {
  Send("tried again", 42);
  publisher_.RefuseAll(0x87);
  outbox_.HandRefusedTo(store_);
  Send("kept");
  publisher_.RefuseAll(0x97);
  outbox_.HandRefusedTo(dropped_);
  Send("dropped");
  publisher_.FailAll(Code::kTooLarge, 0x95);
  ASSERT_EQ(sink_->all.size(), 3u);
  EXPECT_EQ(sink_->all[0].reply_id, 42u);
  EXPECT_EQ(sink_->all[0].delivery_id, 7u);
  EXPECT_EQ(sink_->all[0].code, ItemResult::Code::kRefused);
  EXPECT_EQ(sink_->all[0].mqtt_reason_code, 0x87);
  EXPECT_THAT(sink_->all[0].message, ::testing::StartsWith("the broker refused the reply: 0x87 not authorized"));
  EXPECT_EQ(sink_->all[1].mqtt_reason_code, 0x97);
  EXPECT_EQ(sink_->all[2].code, ItemResult::Code::kTooLarge);
}

// ------------------------------------------------------------------------------------------------ deadLetter

TEST_F(RefusedRepliesTest, HandsOverWhatIsKnownOfARefusedReply) {
  outbox_.HandRefusedTo(store_);
  Send("21.5");
  publisher_.RefuseAll(0x87);
  ASSERT_EQ(store_.waiting.size(), 1u);
  const RefusedReply& refused = store_.waiting[0];
  EXPECT_NE(refused.record, 0u);
  EXPECT_EQ(refused.connection, "plant");
  EXPECT_EQ(refused.message->payload, "21.5");
  EXPECT_THAT(refused.reason, ::testing::StartsWith("the broker refused the reply: 0x87 not authorized"));
  EXPECT_EQ(refused.route, "boilers");
  EXPECT_EQ(refused.chain, "temperature");
  EXPECT_EQ(refused.message_id, (MessageId{1, 2}));
}

TEST_F(RefusedRepliesTest, EveryKindOfRefusalIsHandedOver) {
  outbox_.HandRefusedTo(store_);
  for (Code code : {Code::kRefused, Code::kTooLarge, Code::kInvalidQos}) {
    Send("x");
    publisher_.FailAll(code, 0x80);
  }
  EXPECT_EQ(store_.waiting.size(), 3u);
}

TEST_F(RefusedRepliesTest, KeepsRecordAndPlaceUntilTheReplyIsStored) {
  outbox_.HandRefusedTo(store_);
  for (const char* payload : {"1", "2", "3", "4"}) Send(payload);
  publisher_.RefuseAll(0x87);
  EXPECT_EQ(journal_.depth().outbox_messages, 4u);
  EXPECT_EQ(outbox_.outstanding(), 4u);
  EXPECT_THAT(full_, ElementsAre(true));
  store_.Store();
  EXPECT_EQ(journal_.depth().outbox_messages, 0u);
  EXPECT_EQ(outbox_.outstanding(), 0u);
  EXPECT_THAT(full_, ElementsAre(true, false));
}

// ------------------------------------------------------------------------------------------------ drop

TEST_F(RefusedRepliesTest, DropsAndCounts) {
  outbox_.HandRefusedTo(dropped_);
  Send("1");
  Send("2");
  publisher_.RefuseAll(0x87);
  EXPECT_EQ(journal_.depth().outbox_messages, 0u);
  EXPECT_EQ(outbox_.outstanding(), 0u);
  EXPECT_EQ(Counted("drop"), 2u);
  EXPECT_EQ(Counted("retry"), 0u);
  Pass(Millis(120'000));
  EXPECT_THAT(publisher_.Payloads(), IsEmpty());
}

// ------------------------------------------------------------------------------------------------ retry

TEST_F(RefusedRepliesTest, PublishesAgainAfterAPauseThatDoubles) {
  Send("1");
  Millis longest{1'000};
  for (int i = 0; i < 10; ++i) {
    publisher_.RefuseAll(0x97);
    // Jitter takes up to half of the pause.
    Pass(longest / 2 - Millis(1));
    EXPECT_THAT(publisher_.Payloads(), IsEmpty()) << i;
    Pass(longest / 2 + Millis(1));
    ASSERT_THAT(publisher_.Payloads(), ElementsAre("1")) << i;
    longest = std::min(longest * 2, Millis(60'000));
  }
  EXPECT_EQ(Counted("retry"), 10u);
}

TEST_F(RefusedRepliesTest, HoldsPlaceAndRecordUntilARetryIsConfirmed) {
  for (const char* payload : {"1", "2", "3", "4"}) Send(payload);
  publisher_.RefuseAll(0x97);
  EXPECT_THAT(full_, ElementsAre(true));
  EXPECT_EQ(outbox_.outstanding(), 4u);
  EXPECT_EQ(journal_.depth().outbox_messages, 4u);
  Pass(Millis(1'000));
  publisher_.ConfirmAll();
  EXPECT_EQ(outbox_.outstanding(), 0u);
  EXPECT_EQ(journal_.depth().outbox_messages, 0u);
  EXPECT_THAT(full_, ElementsAre(true, false));
}

TEST_F(RefusedRepliesTest, ARetryDoesNotHoldUpLaterReplies) {
  Send("refused");
  publisher_.RefuseAll(0x97);
  Send("later");
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("later"));
  Pass(Millis(1'000));
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("later", "refused"));
}

TEST_F(RefusedRepliesTest, TellsOneResultHoweverOftenItIsTried) {
  Send("1", 42);
  publisher_.RefuseAll(0x97);
  Pass(Millis(1'000));
  publisher_.RefuseAll(0x97);
  Pass(Millis(10'000));
  publisher_.ConfirmAll();
  ASSERT_EQ(sink_->all.size(), 1u);
  EXPECT_EQ(sink_->all[0].code, ItemResult::Code::kRefused);
}

TEST_F(RefusedRepliesTest, ARetryWaitsForTheConnectionAsItDidTheFirstTime) {
  Send("1");
  publisher_.RefuseAll(0x97);
  Pass(Millis(1'000));
  ASSERT_EQ(publisher_.open().size(), 1u);
  EXPECT_TRUE(publisher_.open()[0].wait_for_connection);
}

}  // namespace
}  // namespace sluice
