// Settles and replies on their way to the journal: with a thread of its own all of them, without one those that wait until it
// can be written again.
#include <algorithm>
#include <iterator>
#include <utility>

#include "server/reply/settler.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

// How often the journal is tried while it cannot be written, and looked after while it can.
constexpr Millis kRetryPause{200};
constexpr Millis kIdlePause{500};
// How long a write may take before the disk counts as one that stalls.
constexpr Millis kPatience{200};

// What is held goes to the journal in writes of about this size.
constexpr size_t kJoinedRecords = 1'000;
constexpr size_t kJoinedBytes = 1u << 20;

template <typename T>
void MoveInto(std::vector<T>& to, std::vector<T>& from) {
  if (to.empty()) {
    to = std::move(from);
  } else {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  }
}

}  // namespace

void Settler::Hold(Batch batch, const absl::Status& why) {
  // Before it can be taken again. With a thread they are on their way to the outbox, and have their places there: what
  // waits for the disk and what waits for brokers is bounded together.
  if (has_thread_) {
    outbox_.Reserve(batch.replies, batch.denied);
  } else {
    held_replies_.Add(RepliesOf(batch));
  }
  MutexLock lock(mutex_);
  queued_.fetch_add(1, std::memory_order_acq_rel);
  if (holding()) held_settles_.Add(SettlesOf(batch));
  held_.push_back(std::move(batch));
  if (!why.ok() || !has_thread_) BeginHolding(why);
  if (has_thread_) work_.NotifyOne();
}

void Settler::BeginHolding(const absl::Status& why) {
  if (holding_.exchange(true, std::memory_order_acq_rel)) return;
  for (const Batch& batch : held_) held_settles_.Add(SettlesOf(batch));
  if (why.ok()) return;  // Behind what just went out; the next tick writes it.
  log::Error("the journal cannot be written; settles and replies wait until it can", {{"error", why.ToString()}});
}

Settler::Batch Settler::TakeHeld() {
  Batch joined{.held = true, .joined = 0};
  size_t bytes = 0;
  MutexLock lock(mutex_);
  while (!held_.empty() && bytes < kJoinedBytes &&
         joined.ended.size() + joined.replies.size() + joined.denied.size() < kJoinedRecords) {
    Batch& next = held_.front();
    bytes += RepliesOf(next).bytes;
    MoveInto(joined.ended, next.ended);
    MoveInto(joined.replies, next.replies);
    MoveInto(joined.denied, next.denied);
    MoveInto(joined.endings, next.endings);
    joined.joined += next.joined;
    held_.pop_front();
  }
  return joined;
}

bool Settler::WriteHeld() {
  Batch batch = TakeHeld();
  if (batch.joined == 0) return true;
  if (const absl::Status status = Record(batch); !status.ok()) {
    MutexLock lock(mutex_);
    held_.push_front(std::move(batch));
    BeginHolding(status);
    return false;
  }
  const bool was_holding = holding();
  if (was_holding) held_settles_.Add(-SettlesOf(batch));
  const Fill replies = RepliesOf(batch);
  const size_t joined = batch.joined;
  CarryOut(batch);
  if (!has_thread_) held_replies_.Remove(replies);
  bool over = false;
  {
    MutexLock lock(mutex_);
    queued_.fetch_sub(joined, std::memory_order_acq_rel);
    over = was_holding && held_.empty();
    if (over) holding_.store(false, std::memory_order_release);
    if (held_.empty()) written_.NotifyAll();
  }
  if (over) log::Info("the journal can be written again; nothing waits for it any more");
  return true;
}

bool Settler::stalled() const {
  const SteadyTime since = writing_since_.load(std::memory_order_acquire);
  return since != kNever && clock_.Now() - since >= kPatience;
}

void Settler::LetPast() {
  std::vector<Batch> past;
  {
    MutexLock lock(mutex_);
    std::deque<Batch> left;
    for (Batch& batch : held_) {
      if (NeedsJournal(batch)) {
        left.push_back(std::move(batch));
        continue;
      }
      if (holding()) held_settles_.Add(-SettlesOf(batch));
      batch.held = true;
      past.push_back(std::move(batch));
    }
    held_ = std::move(left);
  }
  for (Batch& batch : past) {
    const size_t calls = batch.joined;
    CarryOut(batch);
    queued_.fetch_sub(calls, std::memory_order_acq_rel);
  }
  MutexLock lock(mutex_);
  written_.NotifyAll();
}

SteadyTime Settler::Tick(SteadyTime now) {
  if (has_thread_) {
    if (stalled()) LetPast();
    return now + kPatience;
  }
  if (!holding()) return now + kIdlePause;
  if (now < retry_at_) return retry_at_;
  // One write a tick: leases and heartbeats are not to wait for many.
  if (!WriteHeld()) return retry_at_ = now + kRetryPause;
  return holding() ? now : now + kIdlePause;
}

// ------------------------------------------------------------------------------------------------ the thread

void Settler::Write() {
  while (true) {
    std::vector<std::function<void()>> tasks;
    {
      MutexLock lock(mutex_);
      while (held_.empty() && tasks_.empty() && !stopping_) work_.Wait(mutex_);
      if (held_.empty() && tasks_.empty()) return;
      tasks.swap(tasks_);
      running_tasks_ = true;
    }
    writing_since_.store(clock_.Now(), std::memory_order_release);
    for (const std::function<void()>& task : tasks) task();
    {
      MutexLock lock(mutex_);
      running_tasks_ = false;
    }
    const bool written = WriteHeld();
    writing_since_.store(kNever, std::memory_order_release);
    MutexLock lock(mutex_);
    written_.NotifyAll();
    if (written) continue;
    const SteadyTime again = std::chrono::steady_clock::now() + kRetryPause;
    while (!stopping_ && std::chrono::steady_clock::now() < again) work_.WaitUntil(mutex_, again);
    if (stopping_) return;
  }
}

void Settler::Run(std::function<void()> task) {
  {
    MutexLock lock(mutex_);
    if (has_thread_ && !stopping_) {
      tasks_.push_back(std::move(task));
      work_.NotifyOne();
      return;
    }
  }
  task();
}

bool Settler::Flush(SteadyTime deadline) {
  MutexLock lock(mutex_);
  const auto done = [this] {
    mutex_.AssertHeld();
    return queued_.load(std::memory_order_acquire) == 0 && tasks_.empty() && !running_tasks_;
  };
  while (has_thread_ && !done() && !holding() && std::chrono::steady_clock::now() < deadline) {
    written_.WaitUntil(mutex_, deadline);
  }
  return done();
}

void Settler::Stop() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_.NotifyAll();
  }
  thread_.join();
}

}  // namespace sluice
