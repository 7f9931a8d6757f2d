// One thread that calls each stage when that stage next wants to look at the clock.
#pragma once

#include <thread>
#include <vector>

#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"

namespace sluice {

// A stage with deadlines (leases, retries, heartbeats).
class Tickable {
 public:
  virtual ~Tickable() = default;
  // Does what is due at `now`. Returns when it wants to be called next, at the latest; kNever is allowed.
  // Called from the ticker's thread only, one at a time.
  virtual SteadyTime Tick(SteadyTime now) = 0;
};

// Calls Tickables in the order they were added. Deadlines that come up between ticks are announced with WakeBy.
// Thread-safe.
class Ticker {
 public:
  explicit Ticker(const Clock& clock) : clock_(clock) {}
  ~Ticker() { Stop(); }
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  // Before Start(). `tickable` must outlive Stop().
  void Add(Tickable& tickable) { tickables_.push_back(&tickable); }
  void Start();
  // Instead of Start(), for whoever moves the clock: calls them until none is due.
  void Step();
  // Returns when no Tick is running and none will. Idempotent.
  void Stop();
  // All Tickables are called at `deadline` at the latest. Cheap when one is due earlier anyway.
  void WakeBy(SteadyTime deadline);

 private:
  void Run();
  // Calls all of them, and notes when they want to be called next.
  void TickAll();

  const Clock& clock_;
  std::vector<Tickable*> tickables_;  // Constant after Start().
  std::thread thread_;

  Mutex mutex_;
  CondVar changed_;
  SteadyTime next_ ABSL_GUARDED_BY(mutex_) = kNever;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice
