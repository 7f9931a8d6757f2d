// Dead letters between a journal in memory, a broker and a store that are told what to do.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/deadletter/dead_letters.h"
#include "tests/support/fake_publisher.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_files.h"
#include "tests/unit/journal/journal_support.h"

namespace sluice {

// A store whose disk fills up. Thread-safe.
class FakeLetterSink final : public LetterSink {
 public:
  void FillDisk() { Set(true); }
  void FreeDisk() { Set(false); }

  absl::Status Put(std::span<const StoredLetter> letters) override {
    MutexLock lock(mutex_);
    ++attempts_;
    if (full_) return absl::ResourceExhaustedError("no space left");
    for (const StoredLetter& letter : letters) kept_.insert_or_assign(std::string(letter.message->payload), letter);
    return absl::OkStatus();
  }
  absl::Status Expire() override {
    MutexLock lock(mutex_);
    ++expired_;
    return absl::OkStatus();
  }

  // Reasons by payload.
  std::map<std::string, std::string> reasons() const {
    MutexLock lock(mutex_);
    std::map<std::string, std::string> reasons;
    for (const auto& [payload, letter] : kept_) reasons.emplace(payload, letter.reason);
    return reasons;
  }
  StoredLetter Get(const std::string& payload) const {
    MutexLock lock(mutex_);
    return kept_.at(payload);
  }
  int attempts() const {
    MutexLock lock(mutex_);
    return attempts_;
  }
  int expired() const {
    MutexLock lock(mutex_);
    return expired_;
  }

 private:
  void Set(bool full) {
    MutexLock lock(mutex_);
    full_ = full;
  }

  mutable Mutex mutex_;
  std::map<std::string, StoredLetter> kept_ ABSL_GUARDED_BY(mutex_);
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
  int attempts_ ABSL_GUARDED_BY(mutex_) = 0;
  int expired_ ABSL_GUARDED_BY(mutex_) = 0;
};

class DeadLettersTest : public testing::Test {
 protected:
  DeadLettersTest() {
    scene_.chain.SetOptions({.dead_letter_topic = "plant/dead"});
    Start();
  }

  // The process dies, and another one begins with what is on the disk.
  void CrashAndStart() {
    letters_.reset();
    outbox_.reset();
    journal_.reset();
    files_.Reboot();
    Start();
  }
  void Start() {
    journal_ = journal_test::OpenJournal(journal_test::TestOptions(files_));
    metrics_ = std::make_unique<MetricsRegistry>();
    publisher_ = std::make_unique<FakePublisher>();
    outbox_ = std::make_unique<Outbox>(clock_, *journal_, *metrics_, OutboxLimits{}, [](const std::string&, bool) {});
    publisher_->ListenWith(*outbox_);
    outbox_->AddConnection("plant", *publisher_);
    letters_ = std::make_unique<DeadLetters>(
        clock_, *journal_, *outbox_, store_,
        DeadLetterNames{
            .chain = [this](std::string_view name) { return name == scene_.chain.name ? &scene_.chain : nullptr; },
            .route = [this](std::string_view id) { return id == scene_.route.id ? &scene_.route : nullptr; },
            .connection = [this](const std::string& name) { return name == "plant" ? Plant() : nullptr; }},
        DeadLetterBacklog{.max_messages = 4, .max_bytes = 100'000}, *metrics_,
        [this](bool full) { full_.push_back(full); });
    letters_->SetJournaled([this](RecordId after) { return journal_->ReadDeadLetters(after, {.max_entries = 2}); });
  }

  std::shared_ptr<const MqttOptions> Plant() const { return std::make_shared<const MqttOptions>(plant_); }

  // Messages come in, and die.
  void Die(const std::vector<std::string>& payloads, Qos qos = Qos::kAtLeastOnce) {
    std::vector<RoutedMessage> batch;
    for (const std::string& payload : payloads) batch.push_back(scene_.Routed(payload, qos));
    ASSERT_TRUE(journal_->Append(batch).ok());
    std::vector<DeadLetter> letters;
    for (RoutedMessage& routed : batch) {
      routed.attempts = 5;
      letters.push_back({.message = std::move(routed), .reason = "gave up", .worker = "w/1"});
    }
    letters_->Take(std::move(letters));
  }
  // Messages come in that no chain can take.
  void Refuse(const std::vector<std::string>& payloads) {
    std::vector<Unroutable> letters;
    for (const std::string& payload : payloads) {
      letters.push_back(
          {.message = scene_.Routed(payload), .reason = "no chain: too many", .unix_ms = clock_.UnixMillis()});
      letters.back().message.chain = nullptr;
    }
    ASSERT_TRUE(journal_->AppendIntake({}, letters, {}).ok());
    letters_->TakeUnroutable(std::move(letters));
  }
  std::vector<std::string> Published() const {
    std::vector<std::string> payloads;
    for (const Outgoing& outgoing : publisher_->open()) payloads.push_back(outgoing.message->payload);
    return payloads;
  }

  journal_test::Scene scene_;
  const MqttOptions plant_;
  ManualClock clock_;
  MemoryFiles files_;
  FakeLetterSink store_;
  std::vector<bool> full_;
  std::unique_ptr<MetricsRegistry> metrics_;
  std::unique_ptr<SegmentJournal> journal_;
  std::unique_ptr<FakePublisher> publisher_;
  std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<DeadLetters> letters_;
};

}  // namespace sluice
