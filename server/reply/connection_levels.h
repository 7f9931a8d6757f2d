// How much each connection holds of the outbox, which of them are full, and the news of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "server/runtime/mutex.h"
#include "server/runtime/watermark.h"

namespace sluice {

// A connection is full at either bound, until both are at half or below. All together are full at four times the
// bounds, until they hold half of that: meanwhile those that hold more than a sixteenth of their own are full, so that
// who fills the memory waits, and who does not goes on. The bounds are not enforced: who hears that a connection is full
// is to ask for no more.
//
// Thread-safe. Take() before what is taken can be released.
class ConnectionLevels {
 public:
  // `on_full` gets true and false in turn for each connection, one call at a time, on a thread that changed a level, which
  // must hold no lock that it takes.
  using OnFull = std::function<void(const std::string& connection, bool full)>;
  ConnectionLevels(Fill bound, OnFull on_full);
  ConnectionLevels(const ConnectionLevels&) = delete;
  ConnectionLevels& operator=(const ConnectionLevels&) = delete;

  // Its number, from 1, which stays; what has been added before is the same. 0 stands for all that were not added.
  size_t Add(const std::string& connection);
  size_t Number(std::string_view connection) const;
  // Returns the number that Release() is to be called with.
  size_t Take(std::string_view connection, Fill fill);
  void Take(size_t connection, Fill fill);
  void Release(size_t connection, Fill fill);

  Fill held() const;
  Fill held(size_t connection) const;
  bool full(size_t connection) const;
  bool any_full() const { return full_count_.load(std::memory_order_relaxed) > 0; }
  // It, or all together, hold twice the bounds.
  bool overdrawn(size_t connection) const;
  // What may be taken before a bound is reached; nothing while it is full.
  Fill room(size_t connection) const;

 private:
  struct Level {
    std::string name;
    Fill held;
    bool own_full = false;
    bool over_part = false;  // It holds more than what is there for everybody.
    bool full = false;
    bool told = false;
  };

  // After a change of `level`. True: one is full that was not, or the other way round.
  bool Turned(Level& level) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t NumberLocked(std::string_view connection) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  bool TakeLocked(Level& level, Fill fill) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Look(Level& level) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tell();

  const Fill bound_;
  const Fill all_bound_;
  const Fill part_;
  const Watermark own_;
  const Watermark all_;
  const Watermark of_part_;
  const OnFull on_full_;

  std::atomic<int> full_count_ = 0;
  // Serialises on_full_; taken before mutex_.
  Mutex tell_mutex_;
  mutable Mutex mutex_;
  std::deque<Level> levels_ ABSL_GUARDED_BY(mutex_){1};
  std::map<std::string, size_t, std::less<>> numbers_ ABSL_GUARDED_BY(mutex_);
  Fill held_ ABSL_GUARDED_BY(mutex_);
  bool all_full_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice
