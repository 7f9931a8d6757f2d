// Many threads at once, for ThreadSanitizer: intake, workers that die and come back, pauses, and the ticker.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "server/queue/dispatcher.h"
#include "server/runtime/mutex.h"
#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

constexpr int kKeys = 20;
constexpr int kIntakeThreads = 2;
constexpr int kWorkerThreads = 4;
constexpr int kMessagesPerIntake = 4'000;

// A worker's stream whose deliveries another thread takes.
class Mailbox final : public DeliverySink {
 public:
  void Deliver(std::vector<Delivery> batch) override {
    MutexLock lock(mutex_);
    for (Delivery& delivery : batch) waiting_.push_back(std::move(delivery));
    came_.NotifyAll();
  }
  void Revoke(std::vector<Revocation> /*revocations*/) override {}
  // Empty: closed.
  std::vector<Delivery> Take() {
    MutexLock lock(mutex_);
    while (waiting_.empty() && !closed_) came_.Wait(mutex_);
    return std::exchange(waiting_, {});
  }
  void Close() {
    MutexLock lock(mutex_);
    closed_ = true;
    came_.NotifyAll();
  }

 private:
  Mutex mutex_;
  CondVar came_;
  std::vector<Delivery> waiting_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

// Which messages have come to an end, and in which order those of a key did.
class Ledger final : public DispatcherListener {
 public:
  explicit Ledger(size_t expected) : left_(expected), ends_(expected, 0) {}

  void End(size_t number, std::string_view key) {
    MutexLock lock(mutex_);
    EXPECT_EQ(ends_[number]++, 0) << "message " << number << " ended twice";
    if (!key.empty()) {
      // Numbers of one intake thread grow; keys belong to one thread each.
      size_t& last = last_[std::string(key)];
      EXPECT_GE(number, last) << "order of " << key;
      last = number;
    }
    if (--left_ == 0) done_.NotifyAll();
  }
  void WaitForAll() {
    MutexLock lock(mutex_);
    while (left_ > 0) done_.Wait(mutex_);
  }

  void OnPressure(const Chain& /*chain*/, bool high) override {
    EXPECT_EQ(telling_.exchange(true), false) << "two at once";
    EXPECT_NE(high, high_) << "told twice";
    high_ = high;
    telling_ = false;
  }
  void OnDeadLetters(std::vector<DeadLetter> letters) override {
    for (const DeadLetter& letter : letters) End(letter.message.id.low, "");
  }
  void OnLost(const LostDeliveries& /*lost*/) override {}
  void OnDropped(std::vector<LostMessage> dropped) override {
    for (const LostMessage& lost : dropped) EXPECT_EQ(lost.message.record, 0u);
  }
  void OnAttempts(std::span<const AttemptsNote> /*notes*/) override {}

  bool high() const { return high_; }

 private:
  std::atomic<bool> telling_{false};
  bool high_ = false;  // Guarded by the promise that one tells at a time.

  Mutex mutex_;
  CondVar done_;
  size_t left_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> ends_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, size_t, std::less<>> last_ ABSL_GUARDED_BY(mutex_);
};

class DispatcherStress : public ::testing::Test {
 protected:
  void Intake(size_t first) {
    std::mt19937 random(static_cast<uint32_t>(first));
    size_t number = first;
    while (number < first + kMessagesPerIntake) {
      std::vector<RoutedMessage> batch;
      for (size_t i = 0, n = 1 + random() % 16; i < n && number < first + kMessagesPerIntake; ++i, ++number) {
        auto storage = std::make_shared<std::string>(std::to_string(first) + "/" + std::to_string(random() % kKeys));
        auto message = std::make_shared<Message>();
        message->topic = *storage;
        message->storage = storage;
        message->qos = Qos::kAtLeastOnce;
        message->received = clock_.Now();
        RoutedMessage& routed = batch.emplace_back();
        if (random() % 2 == 0) routed.ordering_key = message->topic;
        routed.message = std::move(message);
        routed.chain = &chain_;
        routed.id.low = number;
        routed.record = number + 1;
      }
      dispatcher_.Enqueue(batch);
    }
  }

  // Serves sessions one after the other: settles in batches, and sometimes loses its stream.
  void Work(uint32_t seed) {
    std::mt19937 random(seed);
    while (!stopping_) {
      auto mailbox = std::make_shared<Mailbox>();
      const SessionId session =
          dispatcher_.AddSession({.worker = "w", .chains = {&chain_}, .window = {.messages = 50}}, mailbox);
      {
        MutexLock lock(mutex_);
        mailboxes_[seed] = mailbox;
      }
      if (stopping_) mailbox->Close();
      uint64_t began = 0;
      const size_t life = 20 + random() % 60;
      std::vector<std::optional<Dispatcher::Claimed>> claimed;
      for (size_t i = 0; i < life; ++i) {
        std::vector<Delivery> batch = mailbox->Take();
        if (batch.empty()) break;
        std::vector<uint64_t> ids;
        for (const Delivery& delivery : batch) {
          ids.push_back(delivery.id);
          began = std::max(began, delivery.id);
        }
        dispatcher_.Peek(session, ids);
        dispatcher_.Extend(session, ids[0], Millis(20'000));
        claimed = dispatcher_.Claim(session, ids);
        if (i + 1 == life) dispatcher_.RemoveSession(session, SessionEnd::kLost, began);
        Finish(session, std::move(claimed), random);
        if (random() % 8 == 0) dispatcher_.SetWindow(session, {.messages = static_cast<uint32_t>(1 + random() % 50)});
      }
      dispatcher_.DrainSession(session);
      dispatcher_.HasInFlight(session);
      dispatcher_.RemoveSession(session, SessionEnd::kDrained, began);
    }
  }

  void Finish(SessionId session, std::vector<std::optional<Dispatcher::Claimed>> claimed, std::mt19937& random) {
    std::vector<Dispatcher::Finished> finished;
    for (auto& one : claimed) {
      if (!one) continue;  // Its lease has ended meanwhile.
      const size_t dice = random() % 20;
      Verdict verdict = Verdict::kAck;
      if (dice == 0) verdict = Verdict::kRetry;
      if (dice == 1) verdict = Verdict::kReject;
      if (dice == 2) verdict = Verdict::kDrop;
      // Ended before it is finished, as the journal does it: the key is not free before.
      if (verdict == Verdict::kAck || verdict == Verdict::kDrop) {
        ledger_.End(one->message.id.low, one->message.ordering_key);
      }
      finished.push_back({.claimed = std::move(*one), .verdict = verdict, .retry_after = Millis(5)});
    }
    dispatcher_.Finish(session, std::move(finished));
  }

  void TickAndPause() {
    std::mt19937 random(99);
    while (!stopping_) {
      clock_.Advance(Millis(random() % 50));
      dispatcher_.Tick(clock_.Now());
      if (random() % 16 == 0) {
        dispatcher_.Pause();
        dispatcher_.Idle();
        dispatcher_.Resume();
      }
      std::this_thread::yield();
    }
  }

  static ChainOptions Options() {
    ChainOptions options;
    options.max_attempts = 50;
    options.max_messages = 500;
    return options;
  }

  ManualClock clock_;
  MetricsRegistry metrics_;
  const Chain chain_{"c", 0, Options()};
  Ledger ledger_{size_t{kIntakeThreads} * kMessagesPerIntake};
  Dispatcher dispatcher_{clock_, metrics_, ledger_, [](SteadyTime) {}, 1};
  std::atomic<bool> stopping_{false};
  Mutex mutex_;
  std::map<uint32_t, std::shared_ptr<Mailbox>> mailboxes_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(DispatcherStress, EndsEveryMessageOnceAndInOrderOfItsKey) {
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kWorkerThreads; ++i) threads.emplace_back([this, i] { Work(i); });
  threads.emplace_back([this] { TickAndPause(); });
  for (size_t i = 0; i < kIntakeThreads; ++i) threads.emplace_back([this, i] { Intake(i * kMessagesPerIntake); });
  ledger_.WaitForAll();
  stopping_ = true;
  {
    MutexLock lock(mutex_);
    for (auto& [seed, mailbox] : mailboxes_) mailbox->Close();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(dispatcher_.Backlog(), 0u);
  EXPECT_TRUE(dispatcher_.Idle());
  EXPECT_FALSE(ledger_.high()) << "the last that was told is how it stands";
}

}  // namespace
}  // namespace sluice
