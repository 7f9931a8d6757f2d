// What callbacks on other threads brought, in order, to be waited for.
#pragma once

#include <chrono>
#include <functional>
#include <utility>
#include <vector>

#include "server/runtime/mutex.h"
#include "tests/support/eventually.h"

namespace sluice {

// Thread-safe.
template <typename T>
class Recorder {
 public:
  void Add(T value) {
    MutexLock lock(mutex_);
    values_.push_back(std::move(value));
    changed_.NotifyAll();
  }

  // Waits until `enough` holds of what was recorded, or the deadline; returns what was recorded by then.
  std::vector<T> WaitUntil(const std::function<bool(const std::vector<T>&)>& enough,
                           std::chrono::milliseconds within = kTestDeadline) const {
    auto deadline = std::chrono::steady_clock::now() + within;
    MutexLock lock(mutex_);
    while (!enough(values_) && std::chrono::steady_clock::now() < deadline) changed_.WaitUntil(mutex_, deadline);
    return values_;
  }
  std::vector<T> WaitFor(size_t count, std::chrono::milliseconds within = kTestDeadline) const {
    return WaitUntil([count](const std::vector<T>& values) { return values.size() >= count; }, within);
  }
  std::vector<T> values() const {
    MutexLock lock(mutex_);
    return values_;
  }
  void Clear() {
    MutexLock lock(mutex_);
    values_.clear();
  }

 private:
  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::vector<T> values_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
