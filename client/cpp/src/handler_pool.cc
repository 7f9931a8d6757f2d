#include "client/cpp/src/handler_pool.h"

#include <algorithm>
#include <utility>

#include "client/cpp/src/batch_runner.h"

namespace sluice::client {
namespace {

// Work that takes less than a few wake-ups is better done by one thread than by two.
constexpr int64_t kWorthAThreadNs = 50'000;
// Below, what threads do about a message costs more than the handler, and they only get in each other's way.
constexpr int64_t kCheapNs = 5'000;
constexpr std::chrono::milliseconds kPatience{1};

}  // namespace

HandlerPool::HandlerPool(size_t threads, const Handler& handler, std::atomic<uint64_t>& settled,
                         std::function<void(SteadyTime)> wake_by, HandlerTime& time)
    : handler_(handler), settled_(settled), wake_by_(std::move(wake_by)), time_(time) {
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

size_t HandlerPool::Wanted() const {
  const int64_t handler_ns = handler_ns_.load(std::memory_order_relaxed);
  if (handler_ns < kCheapNs) return 1;
  if (handler_ns >= kWorthAThreadNs) return threads_.size();
  return 1 + static_cast<size_t>(static_cast<int64_t>(queued_) * handler_ns / kWorthAThreadNs);
}

void HandlerPool::Submit(std::shared_ptr<Batch> batch) {
  const SteadyTime now = Now();
  const size_t messages = batch->size;
  size_t wake = 0;
  bool wake_more = false;
  {
    MutexLock lock(mutex_);
    if (queue_.empty()) front_since_ = now;
    queue_.push_back(std::move(batch));
    queued_ += messages;
    const size_t busy = threads_.size() - idle_;
    const size_t wanted = Wanted();
    const size_t useful = std::min(idle_, messages);
    // Where handlers are slow, those that are busy will not come to this batch soon.
    const size_t missing = wanted == threads_.size() ? useful : wanted > busy ? wanted - busy : 0;
    wake = std::min(missing, useful);
    wake_more = wake < useful;
  }
  for (size_t i = 0; i < wake; ++i) work_.NotifyOne();
  if (wake_more) wake_by_(now + kPatience);
}

SteadyTime HandlerPool::Nudge(SteadyTime now) {
  {
    MutexLock lock(mutex_);
    if (queue_.empty() || idle_ == 0) return kNever;
    if (now < front_since_ + kPatience) return front_since_ + kPatience;
    handler_ns_ = kWorthAThreadNs;
  }
  work_.NotifyOne();
  return now + kPatience;
}

void HandlerPool::Work() {
  BatchRunner runner(handler_, settled_, false);
  std::shared_ptr<Batch> batch;
  while (true) {
    {
      MutexLock lock(mutex_);
      if (batch != nullptr && !queue_.empty() && queue_.front() == batch) {
        queue_.pop_front();
        queued_ -= batch->size;
        front_since_ = Now();
      }
    }
    batch.reset();  // Outside of the lock: it may be the last of its stream.
    {
      MutexLock lock(mutex_);
      while (true) {
        if (!queue_.empty()) {
          const size_t others = threads_.size() - idle_ - 1;
          if (stopping_ || others < Wanted()) break;
          wake_by_(front_since_ + kPatience);  // In case that the others do not come to it.
        } else if (stopping_) {
          return;
        }
        ++idle_;
        work_.Wait(mutex_);
        --idle_;
      }
      batch = queue_.front();
    }
    runner.Run(*batch);
    time_.Add(runner.mean_ns());
    if (const int64_t sample = runner.sample_ns(); sample >= 0) {
      // Threads may overwrite each other's contribution: it is an estimate.
      const int64_t known = handler_ns_.load(std::memory_order_relaxed);
      handler_ns_.store((known * 3 + std::min(sample, kSlowNs)) / 4, std::memory_order_relaxed);
    }
  }
}

}  // namespace sluice::client
