#include "server/backlog/backlog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "server/backlog/restorer.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/journal/journal_support.h"

namespace sluice {
namespace {

using journal_test::Scene;
using journal_test::TestOptions;
using testing::ElementsAre;
using testing::IsEmpty;

// A chain's queue with a bound: what a worker has not taken is in it.
class FakeQueue final : public RoutedSink {
 public:
  explicit FakeQueue(size_t bound) : bound_(bound) {}
  void Attach(Backlog& backlog) { backlog_ = &backlog; }

  void Enqueue(std::span<RoutedMessage> batch) override {
    const Chain* full = nullptr;
    MutexLock lock(mutex_);  // Held while telling: what is told comes in the order in which it was so.
    for (RoutedMessage& message : batch) {
      payloads_.emplace_back(message.message->payload);
      ++waiting_;
      if (waiting_ >= bound_) full = message.chain.get();
    }
    changed_.NotifyAll();
    if (full != nullptr) backlog_->OnPressure(*full, true);
  }

  // A worker takes all that waits.
  void Drain(const Chain& chain) {
    MutexLock lock(mutex_);
    waiting_ = 0;
    backlog_->OnPressure(chain, false);
  }
  // All that ever came, once there are `count`.
  std::vector<std::string> WaitFor(size_t count) {
    MutexLock lock(mutex_);
    const SteadyTime deadline = Clock::Real().Now() + Millis(20'000);
    while (payloads_.size() < count && Clock::Real().Now() < deadline) changed_.WaitUntil(mutex_, deadline);
    return payloads_;
  }

 private:
  const size_t bound_;
  Backlog* backlog_ = nullptr;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> payloads_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
};

class BacklogTest : public testing::Test {
 protected:
  BacklogTest() { Open(); }

  void Open() {
    backlog_.reset();
    journal_.reset();
    journal_ = journal_test::OpenJournal(TestOptions(files_));
  }
  // As after a start, with queues that take `bound` messages.
  void Start(size_t bound = 1'000'000) {
    const bool recover = journal_->depth().ingress_messages > 0;
    queue_ = std::make_unique<FakeQueue>(bound);
    backlog_ = std::make_unique<Backlog>(
        Backlog::Parts{.clock = Clock::Real(),
                       .journal = *journal_,
                       .restore =
                           [this](RecoveredMessage message, RoutedMessage& out) {
                             if (on_restore_) on_restore_(message);
                             return restorer_.Restore(std::move(message), out).ok();
                           },
                       .next = *queue_,
                       .on_disk = [this](const Chain& chain, Fill fill, bool) { on_disk_[chain.name] = fill.messages; },
                       .room = room_,
                       .on_full = [this](const Chain& chain, bool full) { SetFull(chain, full); },
                       .in_hand = in_hand_.get()},
        recover);
    queue_->Attach(*backlog_);
    backlog_->Start();
  }
  // As intake does it.
  void Receive(const std::vector<std::string>& payloads, const std::string& chain = "readings",
               Qos qos = Qos::kAtLeastOnce) {
    std::vector<RoutedMessage> batch;
    for (const std::string& payload : payloads) {
      batch.push_back(scene_.Routed(payload, qos));
      batch.back().chain = &chains_.Keep(chain);
    }
    ASSERT_TRUE(journal_->Append(batch).ok());
    backlog_->Enqueue(batch);
  }
  void Receive(const std::vector<std::string>& payloads, const Chain& chain) {
    std::vector<RoutedMessage> batch;
    for (const std::string& payload : payloads) {
      batch.push_back(scene_.Routed(payload));
      batch.back().chain = &chain;
    }
    ASSERT_TRUE(journal_->Append(batch).ok());
    backlog_->Enqueue(batch);
  }
  // Into the journal only.
  void Leave(const std::vector<std::string>& payloads) {
    auto batch = scene_.Batch(payloads);
    ASSERT_TRUE(journal_->Append(batch).ok());
  }
  bool WaitUntilEmpty() { return backlog_->WaitUntilEmpty(Clock::Real().Now() + Millis(20'000)); }
  std::set<std::string> Full() {
    MutexLock lock(mutex_);
    return full_;
  }
  bool WaitUntilNoneIsFull() {
    MutexLock lock(mutex_);
    const SteadyTime deadline = Clock::Real().Now() + Millis(20'000);
    while (!full_.empty() && Clock::Real().Now() < deadline) full_changed_.WaitUntil(mutex_, deadline);
    return full_.empty();
  }
  void SetFull(const Chain& chain, bool full) {
    MutexLock lock(mutex_);
    EXPECT_EQ(full_.contains(chain.name), !full) << "told twice";
    if (full) {
      full_.insert(chain.name);
    } else {
      full_.erase(chain.name);
    }
    full_changed_.NotifyAll();
  }
  const Chain& readings() { return chains_.Keep("readings"); }

  const Scene scene_;
  MemoryFiles files_;
  ChainDirectory chains_{ChainOptions()};
  RouteTable routes_;
  Restorer restorer_{{"plant"}, chains_, routes_};
  std::unique_ptr<SegmentJournal> journal_;
  std::unique_ptr<InHand> in_hand_;  // Null: nothing is noted.
  std::function<void(const RecoveredMessage&)> on_restore_;
  std::map<std::string, size_t> on_disk_;
  Fill room_;
  Mutex mutex_;
  CondVar full_changed_;
  std::set<std::string> full_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<FakeQueue> queue_;
  std::unique_ptr<Backlog> backlog_;
};

TEST_F(BacklogTest, HandsOnAtOnceWhatHasRoom) {
  Start();
  Receive({"a", "b"});
  EXPECT_THAT(queue_->WaitFor(0), ElementsAre("a", "b")) << "within the call";
  EXPECT_TRUE(WaitUntilEmpty());
}

TEST_F(BacklogTest, LeavesOnDiskWhatAFullQueueDoesNotTakeAndKeepsTheOrder) {
  Start(/*bound=*/2);
  Receive({"a", "b"});
  Receive({"c"});
  Receive({"d", "e"});
  EXPECT_THAT(queue_->WaitFor(0), ElementsAre("a", "b"));
  EXPECT_EQ(on_disk_["readings"], 3u);
  queue_->Drain(readings());
  EXPECT_THAT(queue_->WaitFor(5), ElementsAre("a", "b", "c", "d", "e"));
  queue_->Drain(readings());
  ASSERT_TRUE(WaitUntilEmpty());
  EXPECT_EQ(on_disk_["readings"], 0u);
  Receive({"f"});
  EXPECT_THAT(queue_->WaitFor(0), ElementsAre("a", "b", "c", "d", "e", "f")) << "straight on again";
}

TEST_F(BacklogTest, AFullChainHoldsUpNoOther) {
  Start(/*bound=*/1);
  Receive({"a1"});
  Receive({"a2"});
  Receive({"b1"}, "other");
  EXPECT_THAT(queue_->WaitFor(0), ElementsAre("a1", "b1"));
}

TEST_F(BacklogTest, AChainAtItsBoundIsToldAndNoOther) {
  chains_.Define("readings", {.max_on_disk_messages = 3});
  Start(/*bound=*/1);
  Receive({"a1"});
  Receive({"a2", "a3"});
  Receive({"b1"}, "other");
  Receive({"b2", "b3", "b4", "b5"}, "other");
  EXPECT_THAT(Full(), IsEmpty());
  Receive({"a4"});
  EXPECT_THAT(Full(), ElementsAre("readings"));
  queue_->Drain(readings());
  EXPECT_TRUE(WaitUntilNoneIsFull());
}

TEST_F(BacklogTest, ABoundThatChangesHoldsAtOnce) {
  Start(/*bound=*/1);
  Receive({"a1"});
  Receive({"a2", "a3"});
  chains_.SetOptions({.max_on_disk_bytes = 1}, {});
  backlog_->OnOptionsChanged(readings());
  EXPECT_THAT(Full(), ElementsAre("readings"));
  chains_.SetOptions({}, {});
  backlog_->OnOptionsChanged(readings());
  EXPECT_THAT(Full(), IsEmpty());
}

TEST_F(BacklogTest, ChainsWithoutBoundsLeaveRoomForEachOther) {
  room_ = {.messages = 8};
  Start(/*bound=*/1);
  Receive({"a1"});
  Receive({"a2", "a3"});
  EXPECT_THAT(Full(), IsEmpty()) << "4 would be half";
  Receive({"b1"}, "other");
  Receive({"b2", "b3", "b4"}, "other");
  EXPECT_THAT(Full(), ElementsAre("other")) << "3 of 8 are free";
  Receive({"a4"});
  EXPECT_THAT(Full(), ElementsAre("other", "readings"));
  queue_->Drain(chains_.Keep("other"));
  EXPECT_TRUE(WaitUntilNoneIsFull()) << "what one has left the other may take";
}

TEST_F(BacklogTest, QoS0IsNotInTheJournalAndGoesOn) {
  Start(/*bound=*/1);
  Receive({"a"});
  Receive({"b"});
  Receive({"qos0"}, "readings", Qos::kAtMostOnce);
  EXPECT_THAT(queue_->WaitFor(0), ElementsAre("a", "qos0"));
}

TEST_F(BacklogTest, KeepsNothingOfAForgottenChain) {
  Start(/*bound=*/2);
  Receive({"a"}, *chains_.ForMessage("brought"));
  backlog_->ForgetIdle();
  chains_.Sweep();
  EXPECT_EQ(chains_.Find("brought"), nullptr);

  Receive({"b", "c", "d"}, *chains_.ForMessage("waits"));
  const ChainRef waits = chains_.Find("waits");
  Receive({"e"}, *waits);
  backlog_->ForgetIdle();
  EXPECT_EQ(on_disk_["waits"], 1u) << "what waits on disk is not forgotten";
  queue_->Drain(*waits);
  EXPECT_THAT(queue_->WaitFor(5), ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(BacklogTest, WhatIsSettledMeanwhileDoesNotComeBack) {
  Start(/*bound=*/1);
  Receive({"a"});
  auto batch = scene_.Batch({"b", "c"});
  for (RoutedMessage& message : batch) message.chain = &readings();
  ASSERT_TRUE(journal_->Append(batch).ok());
  const std::vector<RecordId> ended{batch[0].record};
  backlog_->Enqueue(batch);
  ASSERT_TRUE(journal_->Settle(ended, {}).ok());
  queue_->Drain(readings());
  EXPECT_THAT(queue_->WaitFor(2), ElementsAre("a", "c"));
}

TEST_F(BacklogTest, TheMessagesOfAnEarlierProcessComeFirst) {
  Leave({"1", "2", "3"});
  Open();
  Start();
  Receive({"new"});
  EXPECT_THAT(queue_->WaitFor(4), ElementsAre("1", "2", "3", "new"));
  ASSERT_TRUE(WaitUntilEmpty());
  Receive({"newer"});
  EXPECT_THAT(queue_->WaitFor(5), ElementsAre("1", "2", "3", "new", "newer"));
}

TEST_F(BacklogTest, AWindowOfALargeJournalIsInMemory) {
  std::vector<std::string> payloads;
  for (int i = 0; i < 5'000; ++i) payloads.push_back(std::to_string(i));
  Leave(payloads);
  Open();
  Start(/*bound=*/100);
  // A page at most over the bound.
  EXPECT_LT(queue_->WaitFor(100).size(), 1'000u);
  while (queue_->WaitFor(0).size() < payloads.size()) queue_->Drain(readings());
  EXPECT_EQ(queue_->WaitFor(payloads.size()), payloads);
}

TEST_F(BacklogTest, EachComesOnceWhileRecoveryAndIntakeGoOnTogether) {
  std::vector<std::string> payloads;
  for (int i = 0; i < 3'000; ++i) payloads.push_back(std::to_string(i));
  Leave(payloads);
  Open();
  Start();
  for (int i = 3'000; i < 6'000; ++i) {
    payloads.push_back(std::to_string(i));
    Receive({payloads.back()});
  }
  ASSERT_TRUE(WaitUntilEmpty());
  EXPECT_EQ(queue_->WaitFor(payloads.size()), payloads);
}

TEST_F(BacklogTest, StopsWithWhatIsLeftInTheJournal) {
  Start(/*bound=*/1);
  Receive({"a"});
  Receive({"b"});
  backlog_->Stop();
  EXPECT_FALSE(WaitUntilEmpty());
  EXPECT_EQ(journal_->depth().ingress_messages, 2u);
}

TEST_F(BacklogTest, WhatCanGoToNobodyIsLeftOut) {
  auto batch = scene_.Batch({"a", "b"});
  Route elsewhere = scene_.route;
  elsewhere.connection = "elsewhere";
  batch[0].route = &elsewhere;
  ASSERT_TRUE(journal_->Append(batch).ok());
  Open();
  Start();
  ASSERT_TRUE(WaitUntilEmpty());
  EXPECT_THAT(queue_->WaitFor(1), ElementsAre("b"));
}

// What each start leaves behind when the message "poison" kills it while it is read back.
class PoisonedBacklogTest : public BacklogTest {
 protected:
  // Returns what was delivered; true in `died`: it came to the poison.
  std::vector<std::string> StartOver(size_t expected) {
    auto in_hand = InHand::Open(folder_ / "in-hand");
    EXPECT_TRUE(in_hand.ok()) << in_hand.status();
    in_hand_ = *std::move(in_hand);
    died_ = false;
    on_restore_ = [this](const RecoveredMessage& message) {
      if (message.message->payload != "poison") return;
      died_ = true;
      std::filesystem::copy_file(folder_ / "in-hand", folder_ / "at-death",
                                 std::filesystem::copy_options::overwrite_existing);
    };
    Start();
    std::vector<std::string> delivered = queue_->WaitFor(expected);
    EXPECT_TRUE(WaitUntilEmpty());
    backlog_.reset();
    in_hand_.reset();
    if (died_) std::filesystem::rename(folder_ / "at-death", folder_ / "in-hand");
    return delivered;
  }

  const TempDir folder_;
  bool died_ = false;
};

TEST_F(PoisonedBacklogTest, WhatKillsWhoeverReadsItIsLeftOutAfterAFewStarts) {
  Leave({"1", "2", "poison", "3"});
  int deaths = 0;
  while (deaths < 10 && (StartOver(3), died_)) ++deaths;
  EXPECT_EQ(deaths, 3) << "once among others, twice by itself";
  EXPECT_THAT(StartOver(3), ElementsAre("1", "2", "3"));
  EXPECT_FALSE(died_);
  EXPECT_EQ(journal_->depth().ingress_messages, 4u) << "it is not lost";
}

TEST_F(PoisonedBacklogTest, StaysLeftOutOverEndsWithAFarewell) {
  Leave({"1", "poison"});
  while (StartOver(1), died_) {
  }
  in_hand_ = *InHand::Open(folder_ / "in-hand");
  in_hand_->EndWell();
  in_hand_.reset();
  EXPECT_THAT(StartOver(1), ElementsAre("1"));
  EXPECT_FALSE(died_);
}

}  // namespace
}  // namespace sluice
