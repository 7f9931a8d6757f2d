#include "server/reply/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/journal/memory_journal.h"
#include "tests/support/fake_publisher.h"
#include "tests/support/manual_clock.h"
#include "tests/support/recording_result_sink.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;

class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() {
    route_.connection = "plant";
    publisher_.ListenWith(outbox_);
    outbox_.AddConnection("plant", publisher_);
  }

  // Journals a reply and hands it over. reply_id 0: the worker does not ask.
  void Send(uint64_t reply_id, const std::string& payload = "x") {
    auto message = std::make_shared<OutboundMessage>();
    message->topic = "reply";
    message->payload = payload;
    message->qos = Qos::kAtLeastOnce;
    OutboxEntry entry{message, 0, "plant"};
    ASSERT_TRUE(journal_.Settle({}, {&entry, 1}).ok());
    std::vector<OutboxItem> items;
    items.push_back({&route_, entry, true, {.delivery_id = 7, .reply_id = reply_id, .results = sink_}});
    outbox_.Send(std::move(items));
  }

  Route route_;
  ManualClock clock_;
  MetricsRegistry metrics_;
  MemoryJournal journal_;
  std::vector<bool> full_;
  std::shared_ptr<RecordingResultSink> sink_ = std::make_shared<RecordingResultSink>();
  FakePublisher publisher_;
  Outbox outbox_{clock_,
                 journal_,
                 metrics_,
                 {.max_messages = 4, .max_bytes = 10'000, .result_timeout = Millis(5'000)},
                 [this](const std::string& /*connection*/, bool full) { full_.push_back(full); }};
};

TEST_F(OutboxTest, KeepsARepliesRecordUntilTheBrokerConfirms) {
  Send(0);
  EXPECT_EQ(journal_.depth().outbox_messages, 1u);
  publisher_.ConfirmAll();
  EXPECT_EQ(journal_.depth().outbox_messages, 0u);
  EXPECT_EQ(outbox_.outstanding(), 0u);
}

TEST_F(OutboxTest, TellsOnlyTheWorkerThatAskedOfASuccess) {
  Send(0);
  Send(42);
  publisher_.ConfirmAll();
  ASSERT_EQ(sink_->all.size(), 1u);
  EXPECT_EQ(sink_->all[0].reply_id, 42u);
  EXPECT_EQ(sink_->all[0].delivery_id, 7u);
  EXPECT_EQ(sink_->all[0].code, ItemResult::Code::kOk);
}

TEST_F(OutboxTest, SaysFullAtTheBoundAndRelievedAtHalf) {
  for (int i = 0; i < 4; ++i) Send(0);
  EXPECT_THAT(full_, ElementsAre(true));
  publisher_.ConfirmAll();
  EXPECT_THAT(full_, ElementsAre(true, false));
}

TEST_F(OutboxTest, SaysFullAtTheBoundOfBytes) {
  Send(0, std::string(9'000, 'x'));
  EXPECT_TRUE(full_.empty());
  // What a reply takes beside its bytes counts, too.
  Send(0, "x");
  EXPECT_THAT(full_, ElementsAre(true));
}

TEST_F(OutboxTest, TellsTimeoutOnceAndKeepsTrying) {
  Send(42);
  clock_.Advance(Millis(5'000));
  outbox_.Tick(clock_.Now());
  outbox_.Tick(clock_.Now());
  ASSERT_EQ(sink_->all.size(), 1u);
  EXPECT_EQ(sink_->all[0].code, ItemResult::Code::kTimeout);
  EXPECT_EQ(journal_.depth().outbox_messages, 1u);
  publisher_.ConfirmAll();
  EXPECT_EQ(sink_->all.size(), 1u);
  EXPECT_EQ(journal_.depth().outbox_messages, 0u);
}

TEST_F(OutboxTest, CountsUserPropertiesThatHaveHardlyAnyBytes) {
  auto message = std::make_shared<OutboundMessage>();
  auto properties = std::make_unique<Properties>();
  properties->user.resize(1'000);
  message->properties = std::move(properties);
  std::vector<OutboxItem> items;
  items.push_back({&route_, {message, 0, "plant"}, true, {}});
  outbox_.Send(std::move(items));
  EXPECT_THAT(full_, ElementsAre(true));
}

TEST_F(OutboxTest, HasWhatIsTooOldDroppedSoonAndTellsTheWorker) {
  auto message = std::make_shared<OutboundMessage>();
  message->qos = Qos::kAtLeastOnce;
  message->made = clock_.Now();
  auto properties = std::make_unique<Properties>();
  properties->expiry_s = 3;
  message->properties = std::move(properties);
  OutboxEntry entry{message, 0, "plant"};
  ASSERT_TRUE(journal_.Settle({}, {&entry, 1}).ok());
  std::vector<OutboxItem> items;
  items.push_back({&route_, entry, true, {.delivery_id = 7, .reply_id = 0, .results = sink_}});
  outbox_.Send(std::move(items));
  clock_.Advance(Millis(2'900));
  outbox_.Tick(clock_.Now());
  EXPECT_EQ(publisher_.expiry_calls, 0);
  clock_.Advance(Millis(100));
  outbox_.Tick(clock_.Now());
  outbox_.Tick(clock_.Now());
  EXPECT_EQ(publisher_.expiry_calls, 1);
  publisher_.FailAll(PublishOutcome::Code::kExpired);
  ASSERT_EQ(sink_->all.size(), 1u);
  EXPECT_EQ(sink_->all[0].code, ItemResult::Code::kExpired);
  EXPECT_EQ(journal_.depth().outbox_messages, 0u);
  EXPECT_EQ(outbox_.outstanding(), 0u);
  EXPECT_EQ(metrics_.GetCounter("sluice_replies_total", "", {{"outcome", "expired"}}).value(), 1u);
}

TEST_F(OutboxTest, CountsAReplyOfQos0WithoutAConnectionAsDroppedAndNotAsRefused) {
  auto message = std::make_shared<OutboundMessage>();
  message->topic = "reply";
  std::vector<OutboxItem> items;
  items.push_back({&route_, {message, 0, "plant"}, false, {.delivery_id = 7, .reply_id = 0, .results = sink_}});
  outbox_.Send(std::move(items));
  publisher_.FailAll(PublishOutcome::Code::kNotConnected);
  ASSERT_EQ(sink_->all.size(), 1u);
  EXPECT_EQ(sink_->all[0].code, ItemResult::Code::kNotConnected);
  EXPECT_EQ(outbox_.outstanding(), 0u);
  EXPECT_EQ(metrics_.GetCounter("sluice_replies_total", "", {{"outcome", "not_connected"}}).value(), 1u);
}

TEST_F(OutboxTest, ObservesTheTimeFromAMessageToTheConfirmationOfItsReplyAndTheBytesOfIt) {
  Histogram answers;
  auto message = std::make_shared<OutboundMessage>();
  message->topic = "reply";
  message->payload = "12345";
  const auto send = [&](SteadyTime received) {
    std::vector<OutboxItem> items;
    items.push_back({&route_, {message, 0, "plant"}, true, {.received = received, .answer_time = &answers}});
    items.push_back({&route_, {message, 0, "plant"}, true, {}});  // As after a restart.
    outbox_.Send(std::move(items));
  };
  send(clock_.Now() - Millis(40));
  clock_.Advance(Millis(60));
  publisher_.ConfirmAll();
  EXPECT_EQ(answers.bucket(Histogram::BucketOf(100'000'000)), 1u);
  EXPECT_DOUBLE_EQ(answers.SumSeconds(), 0.1);
  Counter& bytes = metrics_.GetCounter("sluice_published_bytes_total", "", {{"connection", "plant"}});
  EXPECT_EQ(bytes.value(), 20u);
  EXPECT_EQ(outbox_.published("plant").messages, 2u);
  EXPECT_EQ(outbox_.published("plant").bytes, 20u);
  EXPECT_EQ(outbox_.published("other").messages, 0u);

  send(clock_.Now());
  publisher_.FailAll(PublishOutcome::Code::kNotConnected);
  EXPECT_DOUBLE_EQ(answers.SumSeconds(), 0.1) << "only what the broker has confirmed";
  EXPECT_EQ(bytes.value(), 20u);
  EXPECT_EQ(outbox_.published("plant").messages, 2u);
}

TEST_F(OutboxTest, HandsARunOfEachConnectionToItsPublisherInOrder) {
  FakePublisher other(&outbox_);
  outbox_.AddConnection("other", other);
  std::vector<OutboxItem> items;
  for (const auto& [connection, payload] : {std::pair{"plant", "1"}, {"plant", "2"}, {"other", "3"}, {"plant", "4"}}) {
    auto message = std::make_shared<OutboundMessage>();
    message->payload = payload;
    items.push_back({&route_, {message, 0, connection}, true, {}});
  }
  outbox_.Send(std::move(items));
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("1", "2", "4"));
  EXPECT_THAT(other.Payloads(), ElementsAre("3"));
  publisher_.ConfirmAll();
  other.ConfirmAll();
  EXPECT_EQ(outbox_.outstanding(), 0u);
}

TEST_F(OutboxTest, ForgetsResultsOfAStreamThatHasEnded) {
  Send(42);
  sink_.reset();
  publisher_.ConfirmAll();
  EXPECT_EQ(outbox_.outstanding(), 0u);
}

}  // namespace
}  // namespace sluice
