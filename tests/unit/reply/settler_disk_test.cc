// Settles and a journal that is full, or slow.
#include "tests/unit/reply/settler_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;

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
  chain_.SetOptions({.max_attempts = 1});
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
  Settler own_ = MakeSettler(Settler::Writes::kOnOwnThread);
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

TEST_F(SettlerThreadTest, WhatNeedsNoRecordGoesPastADiskThatStalls) {
  const uint64_t first = Deliver();
  const uint64_t second = Deliver();
  const uint64_t early = Deliver({.qos = Qos::kAtMostOnce});
  const uint64_t late = Deliver({.qos = Qos::kAtMostOnce});
  Stall();
  Settle(first, Verdict::kAck, ReplyTo("1"));
  AwaitWrite();
  Settle(early, Verdict::kAck, ReplyTo("2", 0, 0));
  Settle(second, Verdict::kAck, ReplyTo("3"));
  own_.Tick(clock_.Now());
  EXPECT_TRUE(publisher_.open().empty());
  clock_.Advance(Millis(200));
  own_.Tick(clock_.Now());
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("2"));
  Settle(late, Verdict::kAck, ReplyTo("4", 0, 0));
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("2", "4"));
  EXPECT_EQ(dispatcher_.Backlog(), 2u);
  Go(2);
  EXPECT_TRUE(Flush());
  EXPECT_THAT(publisher_.Payloads(), ElementsAre("2", "4", "1", "3"));
  EXPECT_EQ(dispatcher_.Backlog(), 0u);
  publisher_.ConfirmAll();
  EXPECT_EQ(outbox_.outstanding(), 0u);
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

}  // namespace
}  // namespace sluice
