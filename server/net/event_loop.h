// A thread that waits for sockets, timers, and what others post to it. Boost.Asio behind it is known in this folder
// and mqtt/transport only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "server/runtime/clock.h"

namespace sluice {

class EventLoop {
 public:
  struct Impl;  // loop.h.

  // `name` of the thread, at most 15 bytes are shown. Throws std::system_error when the process has no descriptors
  // left.
  explicit EventLoop(const std::string& name);
  // Stops without a deadline, unless Stop() has left the thread behind. May run on the loop's own thread, which is
  // where the last reference to `owner` can go: that thread then ends by itself.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Starts the thread; `owner` is kept alive until it ends, for what may have to be left behind by Stop(). Once.
  void Start(std::shared_ptr<void> owner);
  // From any thread. Runs on the loop's thread, in order. After Stop() nothing runs: tasks that did not are dropped
  // (destroyed) there.
  void Post(std::function<void()> task);
  // Nothing runs on the loop's thread after it returned true. False: `deadline` came first (something blocks the
  // thread: a name look-up, or a task); the thread is left behind and ends when it can. Idempotent; from any other
  // thread.
  bool Stop(SteadyTime deadline);
  bool InLoop() const;  // The caller is the loop's thread.

  Impl& impl() { return *impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

// Runs something once, later. On the loop's thread only, or while that does not run. Must not outlive the loop.
class Timer {
 public:
  explicit Timer(EventLoop& loop);
  ~Timer();  // Cancels.
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Replaces what was set before. A task that was cancelled or replaced never runs, even when it was due already.
  void Set(SteadyTime when, std::function<void()> task);
  void Cancel();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sluice
