// The bounded threads on which handlers run.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "client/cpp/src/batch.h"
#include "client/cpp/src/handler_time.h"
#include "client/cpp/src/mutex.h"
#include "client/cpp/src/time.h"
#include "sluice/handler.h"

namespace sluice::client {

// A wake-up costs more than many a handler, so no more threads are woken than the work is worth by the handlers' recent
// durations. If that guess was wrong because a handler waits for once, Nudge() wakes another within a millisecond.
//
// Thread-safe. What waits here is bounded by the windows of the streams it comes from.
class HandlerPool {
 public:
  // `handler`, `settled` and `time` outlive it. `wake_by` asks for a Nudge() then; called often, from any thread.
  HandlerPool(size_t threads, const Handler& handler, std::atomic<uint64_t>& settled,
              std::function<void(SteadyTime)> wake_by, HandlerTime& time);
  // Waits for running handlers. Batches of streams that have ended are passed over.
  ~HandlerPool();
  HandlerPool(const HandlerPool&) = delete;
  HandlerPool& operator=(const HandlerPool&) = delete;

  void Submit(std::shared_ptr<Batch> batch);
  // Wakes a thread if work has waited too long while threads are idle. Returns when to call it again.
  SteadyTime Nudge(SteadyTime now);

 private:
  static constexpr int64_t kSlowNs = 100'000;

  void Work();
  // How many threads the queued work keeps busy for long enough.
  size_t Wanted() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Handler& handler_;
  std::atomic<uint64_t>& settled_;
  const std::function<void(SteadyTime)> wake_by_;
  HandlerTime& time_;

  Mutex mutex_;
  CondVar work_;
  std::deque<std::shared_ptr<Batch>> queue_ ABSL_GUARDED_BY(mutex_);  // Those with unclaimed messages, oldest first.
  SteadyTime front_since_ ABSL_GUARDED_BY(mutex_);                    // When queue_.front() became so.
  size_t queued_ ABSL_GUARDED_BY(mutex_) = 0;  // Messages in queue_, at most: some are claimed already.
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // What a handler takes, by samples. Assumed to be slow until known.
  std::atomic<int64_t> handler_ns_ = kSlowNs;

  std::vector<std::thread> threads_;  // Constant after construction.
};

}  // namespace sluice::client
