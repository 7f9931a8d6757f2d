// How much is held of something bounded, and the news that it is full, and that it no longer is.
#pragma once

#include <functional>
#include <utility>

#include "server/runtime/mutex.h"
#include "server/runtime/watermark.h"

namespace sluice {

// Full at either bound, until both are at half or below. The bounds are not enforced: who hears that it is full is to
// send no more.
//
// Thread-safe. Add() before what is added can be removed.
class FillLevel {
 public:
  // Bounds of 0 are none. `on_full` gets true and false in turn, on the thread that changed it, which must hold no lock
  // that `on_full` takes.
  FillLevel(Fill bounds, std::function<void(bool full)> on_full)
      : bounds_(bounds), watermark_(bounds, 100, 50), on_full_(std::move(on_full)) {}

  void Add(Fill fill) {
    bool turned = false;
    {
      MutexLock lock(mutex_);
      held_.messages += fill.messages;
      held_.bytes += fill.bytes;
      turned = Turned();
    }
    if (turned) Tell();
  }
  void Remove(Fill fill) {
    bool turned = false;
    {
      MutexLock lock(mutex_);
      held_.messages -= fill.messages;
      held_.bytes -= fill.bytes;
      turned = Turned();
    }
    if (turned) Tell();
  }

  Fill held() const {
    MutexLock lock(mutex_);
    return held_;
  }
  bool full() const {
    MutexLock lock(mutex_);
    return full_;
  }
  // What may be added before a bound is reached; nothing while it is full. Not for bounds of 0.
  Fill room() const {
    MutexLock lock(mutex_);
    if (full_) return {};
    return {.messages = bounds_.messages - held_.messages, .bytes = bounds_.bytes - held_.bytes};
  }

 private:
  bool Turned() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const bool was_full = std::exchange(full_, watermark_.IsFull(held_, full_));
    return full_ != was_full;
  }
  void Tell() {
    MutexLock tell_lock(tell_mutex_);
    // Two turns may arrive here in either order; what counts is how it stands now.
    const bool is_full = full();
    if (std::exchange(told_full_, is_full) != is_full) on_full_(is_full);
  }

  const Fill bounds_;
  const Watermark watermark_;
  const std::function<void(bool)> on_full_;

  mutable Mutex mutex_;
  Fill held_ ABSL_GUARDED_BY(mutex_);
  bool full_ ABSL_GUARDED_BY(mutex_) = false;

  // Serialises on_full_; taken before mutex_.
  Mutex tell_mutex_;
  bool told_full_ ABSL_GUARDED_BY(tell_mutex_) = false;
};

}  // namespace sluice
