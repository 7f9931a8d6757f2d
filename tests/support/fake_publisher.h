// A broker's egress that the test plays: keeps what is published until the test confirms, refuses or drops it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/mqtt/publisher.h"
#include "server/runtime/mutex.h"

namespace sluice {

// For one thread, except Publish().
class FakePublisher final : public Publisher {
 public:
  explicit FakePublisher(PublishListener* listener = nullptr) : listener_(listener) {}
  void ListenWith(PublishListener& listener) { listener_ = &listener; }

  void Start() override { ++starts; }
  void Publish(std::vector<Outgoing> batch) override {
    MutexLock lock(mutex_);
    for (Outgoing& outgoing : batch) open_.push_back(std::move(outgoing));
  }
  void DropExpired() override { ++expiry_calls; }
  size_t Flush(SteadyTime /*deadline*/) override { return open().size(); }
  void Stop(SteadyTime /*deadline*/) override { ++stops; }
  absl::StatusOr<std::vector<Outgoing>> TakeOpen() override {
    MutexLock lock(mutex_);
    return std::exchange(open_, {});
  }
  ConnectionState State() const override { return {"fake (replies)", true, ""}; }

  int starts = 0;
  int stops = 0;
  int expiry_calls = 0;  // Of DropExpired().

  // What has been published and not yet had an outcome, in order.
  std::vector<Outgoing> open() const {
    MutexLock lock(mutex_);
    return open_;
  }
  void ConfirmAll() { EndAll(PublishOutcome::Code::kOk, 0); }
  void RefuseAll(uint8_t reason_code) { EndAll(PublishOutcome::Code::kRefused, reason_code); }
  void FailAll(PublishOutcome::Code code, uint8_t reason_code = 0) { EndAll(code, reason_code); }
  // The payloads of open(), for people.
  std::vector<std::string> Payloads() const {
    std::vector<std::string> payloads;
    for (const Outgoing& outgoing : open()) payloads.push_back(outgoing.message->payload);
    return payloads;
  }

 private:
  void EndAll(PublishOutcome::Code code, uint8_t reason_code) {
    std::vector<PublishOutcome> outcomes;
    {
      MutexLock lock(mutex_);
      for (Outgoing& outgoing : open_) {
        PublishOutcome& outcome = outcomes.emplace_back();
        outcome.token = outgoing.token;
        outcome.code = code;
        outcome.mqtt_reason_code = reason_code;
        if (code != PublishOutcome::Code::kOk) outcome.message = std::move(outgoing.message);
      }
      open_.clear();
    }
    listener_->OnOutcomes(outcomes);
  }

  PublishListener* listener_;
  mutable Mutex mutex_;
  std::vector<Outgoing> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
