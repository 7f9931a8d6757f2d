// A value that is exchanged as a whole while others read it.
#pragma once

#include <memory>
#include <utility>

#include "server/runtime/mutex.h"

namespace sluice {

// Thread-safe. Who has got a value keeps it as it was. Get() takes a lock: once for a batch, not for each message.
template <typename T>
class Live {
 public:
  explicit Live(T first) : value_(std::make_shared<const T>(std::move(first))) {}

  std::shared_ptr<const T> Get() const {
    MutexLock lock(mutex_);
    return value_;
  }
  void Set(T next) {
    auto made = std::make_shared<const T>(std::move(next));
    {
      MutexLock lock(mutex_);
      value_.swap(made);
    }
    // What it was goes without the lock.
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const T> value_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
