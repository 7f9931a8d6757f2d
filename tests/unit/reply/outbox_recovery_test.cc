#include "server/reply/outbox_recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/journal/memory_journal.h"
#include "tests/support/fake_publisher.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Numbers(int from, int to) {
  std::vector<std::string> numbers;
  for (int i = from; i < to; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

class Collected final : public RefusedReplies {
 public:
  void Take(std::vector<RefusedReply> replies) override {
    for (RefusedReply& reply : replies) all.push_back(std::move(reply));
  }
  std::vector<RefusedReply> all;
};

// A journal with replies in it, an outbox with room for ten.
class OutboxRecoveryTest : public ::testing::Test {
 protected:
  OutboxRecoveryTest() {
    publisher_.ListenWith(outbox_);
    outbox_.AddConnection("plant", publisher_);
  }

  void Left(int count, const std::string& connection = "plant", Qos qos = Qos::kAtLeastOnce, size_t bytes = 0) {
    for (int i = 0; i < count; ++i) {
      auto message = std::make_shared<OutboundMessage>();
      message->topic = "r";
      message->payload = std::to_string(left_.size());
      message->payload.resize(std::max(bytes, message->payload.size()), 'x');
      message->qos = qos;
      left_.push_back({.record = left_.size() + 1, .connection = connection, .message = std::move(message)});
    }
  }
  // Ticks until the recovery wants to be called later, as the ticker does; returns when.
  SteadyTime Tick() {
    SteadyTime next = clock_.Now();
    for (int i = 0; i < 1'000 && next <= clock_.Now(); ++i) next = recovery_.Tick(clock_.Now());
    return next;
  }
  // Moves to the time that the recovery wants to be called at.
  void PassTo(SteadyTime time) { clock_.Advance(std::chrono::duration_cast<Millis>(time - clock_.Now())); }

  absl::StatusOr<std::vector<RecoveredReply>> Read(RecordId after, size_t max_messages, size_t max_bytes) {
    if (!readable_.ok()) return readable_;
    std::vector<RecoveredReply> page;
    size_t bytes = 0;
    for (const RecoveredReply& reply : left_) {
      if (reply.record <= after) continue;
      bytes += reply.message->bytes();
      if (page.size() == max_messages || (!page.empty() && bytes > max_bytes)) break;
      page.push_back(reply);
    }
    return page;
  }

  ManualClock clock_;
  MetricsRegistry metrics_;
  MemoryJournal journal_;
  FakePublisher publisher_;
  Outbox outbox_{
      clock_, journal_, metrics_, {.max_messages = 10, .max_bytes = 100'000}, [](const std::string&, bool) {}};
  std::vector<RecoveredReply> left_;
  absl::Status readable_;
  int done_ = 0;
  std::vector<std::string> done_connections_;
  OutboxRecovery Recovery(CrashMarks* marks) {
    return {
        clock_,
        outbox_,
        {"plant"},
        [this](RecordId after, size_t max_messages, size_t max_bytes) { return Read(after, max_messages, max_bytes); },
        marks,
        metrics_,
        [this](const std::string& connection) {
          ++done_;
          done_connections_.push_back(connection);
        }};
  }
  OutboxRecovery recovery_{Recovery(nullptr)};
};

TEST_F(OutboxRecoveryTest, IsDoneAtOnceWithNothingLeft) {
  EXPECT_FALSE(recovery_.done());
  EXPECT_EQ(Tick(), kNever);
  EXPECT_TRUE(recovery_.done());
  EXPECT_EQ(done_, 1);
}

TEST_F(OutboxRecoveryTest, PublishesInOrder) {
  Left(7);
  EXPECT_EQ(Tick(), kNever);
  EXPECT_THAT(publisher_.Payloads(), Numbers(0, 7));
  EXPECT_EQ(done_, 1);
}

TEST_F(OutboxRecoveryTest, HoldsTheOutboxsBoundAndGoesOnAsThereIsRoom) {
  Left(25);
  PassTo(Tick());
  EXPECT_THAT(publisher_.Payloads(), Numbers(0, 10));
  PassTo(Tick());
  EXPECT_EQ(outbox_.outstanding(), 10u);
  EXPECT_EQ(done_, 0);
  publisher_.ConfirmAll();
  PassTo(Tick());
  EXPECT_THAT(publisher_.Payloads(), Numbers(10, 20));
  EXPECT_EQ(done_, 0);
  publisher_.ConfirmAll();
  EXPECT_EQ(Tick(), kNever);
  EXPECT_THAT(publisher_.Payloads(), Numbers(20, 25));
  EXPECT_EQ(done_, 1);
}

TEST_F(OutboxRecoveryTest, HoldsTheBoundOfBytesToWithinOneReply) {
  Left(5, "plant", Qos::kAtLeastOnce, 40'000);
  Tick();
  EXPECT_EQ(publisher_.open().size(), 3u);  // Two leave room, so that one more is let in.
  publisher_.ConfirmAll();
}

TEST_F(OutboxRecoveryTest, EndsItsRecordsWithTheBrokersConfirmation) {
  Left(3);
  // As many as were left stand in the journal.
  std::vector<OutboxEntry> entries(3);
  ASSERT_TRUE(journal_.Settle({}, entries).ok());
  Tick();
  EXPECT_EQ(journal_.depth().outbox_messages, 3u);
  publisher_.ConfirmAll();
  EXPECT_EQ(journal_.depth().outbox_messages, 0u);
}

// Such a reply is in the journal only because its message was acknowledged.
TEST_F(OutboxRecoveryTest, RepliesOfQos0WaitForTheConnection) {
  Left(1, "plant", Qos::kAtMostOnce);
  Tick();
  ASSERT_EQ(publisher_.open().size(), 1u);
  EXPECT_TRUE(publisher_.open()[0].wait_for_connection);
}

TEST_F(OutboxRecoveryTest, RepliesOfAConnectionThatIsGoneAreRefused) {
  Collected refused;
  outbox_.HandRefusedTo(refused);
  Left(1);
  Left(1, "gone");
  Left(1);
  EXPECT_EQ(Tick(), kNever);
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("0", "2"));
  ASSERT_EQ(refused.all.size(), 1u);
  EXPECT_EQ(refused.all[0].record, 2u);
  EXPECT_EQ(refused.all[0].connection, "gone");
  EXPECT_EQ(refused.all[0].reason, "connection 'gone' is not configured any more");
  EXPECT_EQ(refused.all[0].message->payload, "1");
  EXPECT_EQ(outbox_.outstanding(), 3u);
  refused.all.clear();
  EXPECT_EQ(outbox_.outstanding(), 2u);
}

TEST_F(OutboxRecoveryTest, WhatTheGatewayHadRefusedGoesToTheDeadLettersAndNotToTheBroker) {
  Collected denied;
  outbox_.HandDeniedTo(denied);
  Left(2);
  left_[0].refusal =
      ReplyRefusal{.reason = "denied: secret", .message_id = {1, 2}, .route = "r", .chain = "c", .worker = "w/1"};
  EXPECT_EQ(Tick(), kNever);
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("1"));
  ASSERT_EQ(denied.all.size(), 1u);
  EXPECT_EQ(denied.all[0].record, 1u);
  EXPECT_EQ(denied.all[0].reason, "denied: secret");
  EXPECT_EQ(denied.all[0].chain, "c");
  EXPECT_TRUE(denied.all[0].by_gateway);
  denied.all.clear();
}

// `replies.onDenied` has been set to drop meanwhile.
TEST_F(OutboxRecoveryTest, WhatTheGatewayHadRefusedEndsWhereItIsNotKeptAnyMore) {
  std::vector<OutboxEntry> entries(1);
  ASSERT_TRUE(journal_.Settle({}, entries).ok());
  Left(1);
  left_[0].refusal = ReplyRefusal{.reason = "denied: secret"};
  EXPECT_EQ(Tick(), kNever);
  EXPECT_THAT(publisher_.Payloads(), IsEmpty());
  EXPECT_EQ(journal_.depth().outbox_messages, 0u);
  EXPECT_EQ(outbox_.outstanding(), 0u);
}

// There is no broker to try again; a later start may have the connection.
TEST_F(OutboxRecoveryTest, WithRetryRepliesOfAConnectionThatIsGoneStayInTheJournal) {
  std::vector<OutboxEntry> entries(1);
  ASSERT_TRUE(journal_.Settle({}, entries).ok());
  Left(1, "gone");
  EXPECT_EQ(Tick(), kNever);
  EXPECT_EQ(journal_.depth().outbox_messages, 1u);
  EXPECT_EQ(outbox_.outstanding(), 0u);
  EXPECT_EQ(done_, 1);
}

TEST_F(OutboxRecoveryTest, TriesAgainWhenTheJournalCannotBeRead) {
  Left(2);
  readable_ = absl::InternalError("I/O error");
  const SteadyTime again = Tick();
  EXPECT_EQ(again, clock_.Now() + Millis(1'000));
  EXPECT_EQ(done_, 0);
  readable_ = absl::OkStatus();
  // The ticker calls it whenever another stage is due.
  EXPECT_EQ(recovery_.Tick(clock_.Now()), again);
  EXPECT_THAT(publisher_.Payloads(), IsEmpty());
  PassTo(again);
  EXPECT_EQ(Tick(), kNever);
  EXPECT_THAT(publisher_.Payloads(), Numbers(0, 2));
}

// After a process that died as it published them.
class CarefulRecoveryTest : public OutboxRecoveryTest {
 protected:
  CarefulRecoveryTest() { Start(); }
  // The last one is killed.
  void Start() {
    marks_.reset();
    marks_ = *CrashMarks::Open(folder_ / "crash-marks");
  }
  void DieOver(uint64_t record) {
    CrashMark(marks_.get(), CrashMarks::Part::kReplies).One(record);
    Start();
  }

  const TempDir folder_;
  std::unique_ptr<CrashMarks> marks_;
};

TEST_F(CarefulRecoveryTest, PublishesOneWhenTheOneBeforeIsConfirmed) {
  DieOver(99);
  Left(3);
  OutboxRecovery recovery = Recovery(marks_.get());
  SteadyTime next = clock_.Now();
  for (int i = 0; i < 3; ++i) {
    for (int tick = 0; tick < 5; ++tick) next = recovery.Tick(clock_.Now());
    EXPECT_THAT(publisher_.Payloads(), ElementsAre(std::to_string(i)));
    EXPECT_EQ(done_, 0);
    publisher_.ConfirmAll();
    PassTo(next);
  }
  while (next != kNever) {
    next = recovery.Tick(clock_.Now());
    if (next != kNever && next > clock_.Now()) PassTo(next);
  }
  EXPECT_EQ(done_, 1);
}

TEST_F(CarefulRecoveryTest, LeavesOutWhatTwoProcessesDiedOver) {
  DieOver(2);
  DieOver(2);
  Left(3);
  OutboxRecovery recovery = Recovery(marks_.get());
  std::vector<std::string> published;
  for (int tick = 0; tick < 20; ++tick) {
    const SteadyTime next = recovery.Tick(clock_.Now());
    std::ranges::copy(publisher_.Payloads(), std::back_inserter(published));
    publisher_.ConfirmAll();
    if (next != kNever && next > clock_.Now()) PassTo(next);
  }
  EXPECT_THAT(published, ElementsAre("0", "2"));
  EXPECT_EQ(done_, 1);
}

TEST_F(CarefulRecoveryTest, ABrokerThatIsAwayHoldsUpWorkersForTwoSecondsAtMost) {
  DieOver(99);
  Left(9);
  OutboxRecovery recovery = Recovery(marks_.get());
  const SteadyTime start = clock_.Now();
  while (done_ == 0) {
    const SteadyTime next = recovery.Tick(clock_.Now());
    if (next > clock_.Now()) PassTo(next);
  }
  EXPECT_LE(clock_.Now() - start, Millis(2'001));
  EXPECT_THAT(publisher_.Payloads(), Numbers(0, 9));
}

TEST_F(OutboxRecoveryTest, AConnectionThatConfirmsNothingHoldsUpNoOther) {
  FakePublisher other;
  other.ListenWith(outbox_);
  outbox_.AddConnection("other", other);
  OutboxRecovery recovery{
      clock_,
      outbox_,
      {"other", "plant"},
      [this](RecordId after, size_t messages, size_t bytes) { return Read(after, messages, bytes); },
      nullptr,
      metrics_,
      [this](const std::string& connection) { done_connections_.push_back(connection); }};
  const auto tick = [&] {
    SteadyTime next = clock_.Now();
    for (int i = 0; i < 1'000 && next <= clock_.Now(); ++i) next = recovery.Tick(clock_.Now());
    if (next != kNever) PassTo(next);
  };
  Left(15);          // 0 … 14
  Left(3, "other");  // 15 … 17
  Left(10);          // 18 … 27
  Left(9, "other");  // 28 … 36
  tick();
  EXPECT_EQ(publisher_.open().size(), 10u);
  EXPECT_THAT(other.Payloads(), ElementsAre("15", "16", "17", "28", "29", "30", "31", "32", "33", "34"));
  other.ConfirmAll();
  tick();
  EXPECT_THAT(other.Payloads(), ElementsAre("35", "36"));
  EXPECT_THAT(done_connections_, ElementsAre("other"));

  // Of this process: not to be taken for one that was left.
  Left(2, "other");
  std::vector<std::string> of_plant = publisher_.Payloads();
  for (int i = 0; i < 3; ++i) {
    publisher_.ConfirmAll();
    tick();
    for (std::string& payload : publisher_.Payloads()) of_plant.push_back(std::move(payload));
  }
  std::vector<std::string> left = Numbers(0, 15);
  for (std::string& payload : Numbers(18, 28)) left.push_back(std::move(payload));
  EXPECT_EQ(of_plant, left);
  EXPECT_EQ(other.Payloads().size(), 2u);
  EXPECT_THAT(done_connections_, ElementsAre("other", "plant"));
  EXPECT_TRUE(recovery.done());
  publisher_.ConfirmAll();
  other.ConfirmAll();
}

}  // namespace
}  // namespace sluice
