#include "client/cpp/src/handler_pool.h"

#include <algorithm>
#include <utility>

#include "client/cpp/src/batch_runner.h"

namespace sluice::client {

HandlerPool::HandlerPool(size_t threads, const Handler& handler, std::atomic<uint64_t>& settled)
    : handler_(handler), settled_(settled) {
  threads_.reserve(threads);
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

HandlerPool::~HandlerPool() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  work_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

void HandlerPool::Submit(std::shared_ptr<Batch> batch) {
  const size_t messages = batch->size;
  size_t wake = 0;
  {
    MutexLock lock(mutex_);
    queue_.push_back(std::move(batch));
    wake = std::min(idle_, messages);
  }
  for (size_t i = 0; i < wake; ++i) work_.NotifyOne();
}

void HandlerPool::Work() {
  BatchRunner runner(handler_, settled_, false);
  std::shared_ptr<Batch> batch;
  while (true) {
    {
      MutexLock lock(mutex_);
      if (batch != nullptr && !queue_.empty() && queue_.front() == batch) queue_.pop_front();
    }
    batch.reset();  // Outside of the lock: it may be the last of its stream.
    {
      MutexLock lock(mutex_);
      while (queue_.empty()) {
        if (stopping_) return;
        ++idle_;
        work_.Wait(mutex_);
        --idle_;
      }
      batch = queue_.front();
    }
    runner.Run(*batch);
  }
}

}  // namespace sluice::client
