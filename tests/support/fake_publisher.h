// A broker's egress that the test plays: keeps what is published until the test confirms, refuses or drops it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/mqtt/driver.h"
#include "server/runtime/mutex.h"

namespace sluice {

// For one thread, except Publish().
class FakePublisher final : public Publisher {
 public:
  explicit FakePublisher(PublishListener* listener = nullptr) : listener_(listener) {}
  void ListenWith(PublishListener& listener) { listener_ = &listener; }

  void Start() override {}
  void Publish(std::vector<Outgoing> batch) override {
    MutexLock lock(mutex_);
    for (Outgoing& outgoing : batch) open_.push_back(std::move(outgoing));
  }
  size_t Flush(SteadyTime /*deadline*/) override { return open().size(); }
  void Stop(SteadyTime /*deadline*/) override {}
  ConnectionState State() const override { return {"fake (replies)", true, ""}; }

  // What has been published and not yet had an outcome, in order.
  std::vector<Outgoing> open() const {
    MutexLock lock(mutex_);
    return open_;
  }
  void ConfirmAll() { EndAll(PublishOutcome::Code::kOk, 0); }
  void RefuseAll(uint8_t reason_code) { EndAll(PublishOutcome::Code::kRefused, reason_code); }

 private:
  void EndAll(PublishOutcome::Code code, uint8_t reason_code) {
    std::vector<PublishOutcome> outcomes;
    {
      MutexLock lock(mutex_);
      for (const Outgoing& outgoing : open_) outcomes.push_back({outgoing.token, code, reason_code});
      open_.clear();
    }
    listener_->OnOutcomes(outcomes);
  }

  PublishListener* listener_;
  mutable Mutex mutex_;
  std::vector<Outgoing> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
