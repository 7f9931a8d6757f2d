// Holds back the reading of worker streams while what workers send has no place to go: what they send then stays on
// their side, as HTTP/2's flow control has it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "server/runtime/mutex.h"

namespace sluice {

// For all streams, or one by one. Thread-safe.
class ReadGate {
 public:
  class Reader {
   public:
    virtual ~Reader() = default;
    // The gate has opened after Pass() said no. Called without a lock of the gate.
    virtual void ReadOn() = 0;
  };

  // True: read on. False: not now; `reader` is told when. `session` is the reader's SessionId; 0: it has none yet.
  bool Pass(uint64_t session, std::weak_ptr<Reader> reader) {
    MutexLock lock(mutex_);
    if (closed_ == 0 && (held_.empty() || !held_.contains(session))) return true;
    if (waiting_.size() >= prune_at_) {
      // Streams come and go while it is closed.
      std::erase_if(waiting_, [](const Waiting& waiting) { return waiting.reader.expired(); });
      prune_at_ = std::max(kFirstPrune, 2 * waiting_.size());
    }
    waiting_.push_back({session, std::move(reader)});
    return false;
  }
  // For all. Reasons are counted: as many Open as Close.
  void Close() {
    MutexLock lock(mutex_);
    ++closed_;
  }
  void Open() {
    {
      MutexLock lock(mutex_);
      --closed_;
    }
    LetPass();
  }
  // For one. Not counted.
  void Hold(uint64_t session) {
    MutexLock lock(mutex_);
    held_.insert(session);
  }
  void LetGo(uint64_t session) {
    {
      MutexLock lock(mutex_);
      held_.erase(session);
    }
    LetPass();
  }

 private:
  static constexpr size_t kFirstPrune = 64;

  struct Waiting {
    uint64_t session = 0;
    std::weak_ptr<Reader> reader;
  };

  // Tells those that may read now.
  void LetPass() {
    std::vector<Waiting> passing;
    {
      MutexLock lock(mutex_);
      if (closed_ > 0) return;
      const auto stay = std::partition(waiting_.begin(), waiting_.end(),
                                       [this](const Waiting& waiting) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
                                         return held_.contains(waiting.session);
                                       });
      passing.assign(std::make_move_iterator(stay), std::make_move_iterator(waiting_.end()));
      waiting_.erase(stay, waiting_.end());
    }
    for (const Waiting& waiting : passing) {
      if (const std::shared_ptr<Reader> reader = waiting.reader.lock()) reader->ReadOn();
    }
  }

  Mutex mutex_;
  int closed_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_set<uint64_t> held_ ABSL_GUARDED_BY(mutex_);
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t prune_at_ ABSL_GUARDED_BY(mutex_) = kFirstPrune;
};

}  // namespace sluice
