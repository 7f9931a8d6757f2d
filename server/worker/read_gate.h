// Holds back the reading of worker streams while what workers send has no place to go: what they send then stays on
// their side, as HTTP/2's flow control has it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "server/runtime/mutex.h"

namespace sluice {

// Thread-safe.
class ReadGate {
 public:
  class Reader {
   public:
    virtual ~Reader() = default;
    // The gate has opened after Pass() said no. Called without a lock of the gate.
    virtual void ReadOn() = 0;
  };

  // True: read on. False: not now; `reader` is told when.
  bool Pass(std::weak_ptr<Reader> reader) {
    MutexLock lock(mutex_);
    if (closed_ == 0) return true;
    if (waiting_.size() >= prune_at_) {
      // Streams come and go while it is closed.
      std::erase_if(waiting_, [](const std::weak_ptr<Reader>& waiting) { return waiting.expired(); });
      prune_at_ = std::max(kFirstPrune, 2 * waiting_.size());
    }
    waiting_.push_back(std::move(reader));
    return false;
  }
  // Reasons are counted: as many Open as Close.
  void Close() {
    MutexLock lock(mutex_);
    ++closed_;
  }
  void Open() {
    std::vector<std::weak_ptr<Reader>> readers;
    {
      MutexLock lock(mutex_);
      if (--closed_ > 0) return;
      readers.swap(waiting_);
    }
    for (const std::weak_ptr<Reader>& waiting : readers) {
      if (const std::shared_ptr<Reader> reader = waiting.lock()) reader->ReadOn();
    }
  }

 private:
  static constexpr size_t kFirstPrune = 64;

  Mutex mutex_;
  int closed_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::weak_ptr<Reader>> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t prune_at_ ABSL_GUARDED_BY(mutex_) = kFirstPrune;
};

}  // namespace sluice
