// A sink that waits for its disk while a test wants it to, with one for QoS 0 beside it that does not.
#pragma once

#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "server/mqtt/intake.h"
#include "server/runtime/mutex.h"
#include "tests/support/recorder.h"

namespace sluice {

// Thread-safe. Goes on by itself after a minute, so that a test which fails ends.
class SlowSink final : public InboundSink {
 public:
  ~SlowSink() override { GoOn(); }

  void Stall() {
    MutexLock lock(mutex_);
    stalled_ = true;
  }
  void GoOn() {
    MutexLock lock(mutex_);
    stalled_ = false;
    changed_.NotifyAll();
  }
  // From now on the disk refuses what comes, or no more.
  void Fail(bool fails) {
    MutexLock lock(mutex_);
    fails_ = fails;
  }
  // Until a call waits; false: none came in time.
  bool AwaitWaiting() {
    const auto deadline = std::chrono::steady_clock::now() + kTestDeadline;
    MutexLock lock(mutex_);
    while (waiting_ == 0 && std::chrono::steady_clock::now() < deadline) changed_.WaitUntil(mutex_, deadline);
    return waiting_ > 0;
  }

  absl::Status OnMessages(std::span<InboundMessage> batch) override {
    if (absl::Status status = Wait(); !status.ok()) return status;
    batches.Add(batch.size());
    for (InboundMessage& inbound : batch) messages.Add(std::move(inbound));
    return absl::OkStatus();
  }
  InboundSink* AtMostOnce() override { return &beside_; }
  absl::Status OnReleased(std::span<const uint16_t> packet_ids) override {
    if (absl::Status status = Wait(); !status.ok()) return status;
    for (const uint16_t packet_id : packet_ids) released.Add(packet_id);
    return absl::OkStatus();
  }
  absl::Status OnSessionLost() override {
    if (absl::Status status = Wait(); !status.ok()) return status;
    told.Add("session lost");
    return absl::OkStatus();
  }
  void OnGranted(const std::string& filter) override { told.Add("granted " + filter); }
  void OnRemainderLeft(const std::string& filter) override { told.Add("left " + filter); }

  Recorder<InboundMessage> messages;  // Of QoS 1 and 2.
  Recorder<size_t> batches;           // Of these.
  Recorder<InboundMessage> at_most_once;
  Recorder<uint16_t> released;
  Recorder<std::string> told;

 private:
  class Beside final : public InboundSink {
   public:
    explicit Beside(SlowSink& sink) : sink_(sink) {}
    absl::Status OnMessages(std::span<InboundMessage> batch) override {
      for (InboundMessage& inbound : batch) sink_.at_most_once.Add(std::move(inbound));
      return absl::OkStatus();
    }

   private:
    SlowSink& sink_;
  };

  absl::Status Wait() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    MutexLock lock(mutex_);
    ++waiting_;
    changed_.NotifyAll();
    while (stalled_ && std::chrono::steady_clock::now() < deadline) changed_.WaitUntil(mutex_, deadline);
    --waiting_;
    return fails_ ? absl::ResourceExhaustedError("disk full") : absl::OkStatus();
  }

  Beside beside_{*this};
  Mutex mutex_;
  CondVar changed_;
  bool stalled_ ABSL_GUARDED_BY(mutex_) = false;
  bool fails_ ABSL_GUARDED_BY(mutex_) = false;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice
