// The bounded threads on which handlers run.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "client/cpp/src/batch.h"
#include "client/cpp/src/mutex.h"
#include "sluice/handler.h"

namespace sluice::client {

// Thread-safe. What waits here is bounded by the windows of the streams it comes from.
class HandlerPool {
 public:
  // `handler` and `settled` outlive it.
  HandlerPool(size_t threads, const Handler& handler, std::atomic<uint64_t>& settled);
  // Waits for running handlers. Batches of streams that have ended are passed over.
  ~HandlerPool();
  HandlerPool(const HandlerPool&) = delete;
  HandlerPool& operator=(const HandlerPool&) = delete;

  void Submit(std::shared_ptr<Batch> batch);

 private:
  void Work();

  const Handler& handler_;
  std::atomic<uint64_t>& settled_;

  Mutex mutex_;
  CondVar work_;
  std::deque<std::shared_ptr<Batch>> queue_ ABSL_GUARDED_BY(mutex_);  // Those with unclaimed messages, oldest first.
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<std::thread> threads_;  // Constant after construction.
};

}  // namespace sluice::client
