#include "server/runtime/ticker.h"

#include <algorithm>

namespace sluice {

void Ticker::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Ticker::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Ticker::WakeBy(SteadyTime deadline) {
  MutexLock lock(mutex_);
  if (deadline >= next_) return;
  next_ = deadline;
  changed_.NotifyAll();
}

void Ticker::TickAll() {
  SteadyTime wanted = kNever;
  for (Tickable* tickable : tickables_) wanted = std::min(wanted, tickable->Tick(clock_.Now()));
  MutexLock lock(mutex_);
  // A WakeBy during the ticks has put an earlier time into next_; it stands until it has passed.
  next_ = std::min(next_, wanted);
}

void Ticker::Step() {
  bool due = true;
  while (due) {
    {
      MutexLock lock(mutex_);
      next_ = kNever;
    }
    TickAll();
    MutexLock lock(mutex_);
    due = next_ <= clock_.Now();
  }
}

void Ticker::Run() {
  while (true) {
    TickAll();
    MutexLock lock(mutex_);
    while (!stopping_ && clock_.Now() < next_) {
      if (next_ == kNever) {
        changed_.Wait(mutex_);
      } else {
        changed_.WaitUntil(mutex_, next_);
      }
    }
    if (stopping_) return;
    next_ = kNever;
  }
}

}  // namespace sluice
