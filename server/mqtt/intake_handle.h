// What the intake of every driver has alike, whatever carries its packets: the owner's end of it, and what it tells of
// its subscriptions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/mqtt/intake.h"
#include "server/mqtt/subscription_set.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"

namespace sluice {

// How a driver's thread tells others of its SubscriptionSet. Thread-safe.
class SubscriptionNews {
 public:
  // From the driver's thread, after every change.
  void Tell(const SubscriptionSet& subscriptions) {
    MutexLock lock(mutex_);
    detail_ = subscriptions.Detail();
    ready_ = subscriptions.ready();
    left_shared_ = subscriptions.left_shared();
    changed_.NotifyAll();
  }

  // The same when the connection is gone: whether the next one is ready is for that one to tell.
  void Lost(const SubscriptionSet& subscriptions) {
    Tell(subscriptions);
    MutexLock lock(mutex_);
    ready_ = false;
  }

  // Other subscriptions are asked for: until the driver's thread has taken them up, and told of them, nothing is ready.
  // From any thread.
  void Expect() {
    MutexLock lock(mutex_);
    ++expected_;
  }
  // From the driver's thread, once for each Expect(): it is taken up and told.
  void TakenUp() {
    MutexLock lock(mutex_);
    --expected_;
  }

  // Waits until all shared subscriptions are left, the connection is gone (`up` is false), or for `deadline`. True if
  // they are.
  template <typename Up>
  bool WaitUntilLeft(const Clock& clock, SteadyTime deadline, Up up) {
    MutexLock lock(mutex_);
    while (!left_shared_ && up() && clock.Now() < deadline) changed_.WaitUntil(mutex_, deadline);
    return left_shared_;
  }

  // Of a connection that is up.
  void Show(ConnectionState& state) const {
    MutexLock lock(mutex_);
    state.detail = expected_ == 0 ? detail_ : "its subscriptions change";
    state.ready = ready_ && expected_ == 0;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::string detail_ ABSL_GUARDED_BY(mutex_);
  bool ready_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t expected_ ABSL_GUARDED_BY(mutex_) = 0;
  bool left_shared_ ABSL_GUARDED_BY(mutex_) = false;
};

// The owner's end. `Core` does the work, and outlives this where its thread had to be left behind: that keeps it alive.
template <typename Core>
class IntakeHandle final : public IntakeConnection {
 public:
  explicit IntakeHandle(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~IntakeHandle() override { IntakeHandle::Stop(std::chrono::steady_clock::now() + kStopInDestructor); }
  IntakeHandle(const IntakeHandle&) = delete;
  IntakeHandle& operator=(const IntakeHandle&) = delete;

  void Start() override { core_->link().Start(core_); }
  void Pause(std::string reason) override { core_->Pause(std::move(reason)); }
  void Resume() override { core_->Resume(); }
  void StayOut(std::vector<size_t> shared_subscriptions) override { core_->StayOut(std::move(shared_subscriptions)); }
  void Resubscribe(std::vector<Subscription> subscriptions) override { core_->Resubscribe(std::move(subscriptions)); }
  bool UnsubscribeShared(SteadyTime deadline) override { return core_->UnsubscribeShared(deadline); }
  void Stop(SteadyTime deadline) override { core_->Stop(deadline); }
  ConnectionState State() const override { return core_->State(); }

 private:
  // For an owner that did not call Stop().
  static constexpr Millis kStopInDestructor{5'000};

  const std::shared_ptr<Core> core_;
};

}  // namespace sluice
