// Work for the thread in Run(), and when it is to look at the clock next.
#pragma once

#include <atomic>
#include <functional>
#include <utility>
#include <vector>

#include "client/cpp/src/mutex.h"
#include "client/cpp/src/time.h"

namespace sluice::client {

// Thread-safe, save Wait().
class Mailbox {
 public:
  using Task = std::function<void()>;

  void Post(Task task) {
    {
      MutexLock lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.NotifyOne();
  }

  // Wait() returns at `when` at the latest. Cheap when it will anyway: called for every frame.
  void WakeBy(SteadyTime when) {
    if (when.time_since_epoch() >= hint_.load()) return;
    {
      MutexLock lock(mutex_);
      if (when >= wake_at_) return;
      wake_at_ = when;
      hint_ = when.time_since_epoch();
    }
    changed_.NotifyOne();
  }

  // Forgets the earlier WakeBy calls: those from now on count for the next Wait(). To be called before deadlines are
  // looked at.
  void BeginRound() {
    MutexLock lock(mutex_);
    wake_at_ = kNever;
    hint_ = kNever.time_since_epoch();
  }

  // Returns the tasks posted since; none when the time has come.
  std::vector<Task> Wait(SteadyTime until) {
    MutexLock lock(mutex_);
    if (until < wake_at_) {
      wake_at_ = until;
      hint_ = until.time_since_epoch();
    }
    while (tasks_.empty() && Now() < wake_at_) {
      // Bounded: kNever is too far away for the system's clock arithmetic.
      constexpr std::chrono::hours kLongest{1};
      changed_.WaitUntil(mutex_, wake_at_ == kNever ? Now() + kLongest : wake_at_);
    }
    return std::exchange(tasks_, {});
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  SteadyTime wake_at_ ABSL_GUARDED_BY(mutex_) = kNever;
  std::atomic<SteadyTime::duration> hint_ = kNever.time_since_epoch();  // wake_at_, readable without the lock.
};

}  // namespace sluice::client
