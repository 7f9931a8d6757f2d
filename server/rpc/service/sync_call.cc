#include "server/rpc/service/sync_call.h"

#include <deque>
#include <exception>
#include <thread>
#include <vector>

#include "server/runtime/mutex.h"

namespace sluice::rpc {

struct WorkerPool::Impl {
  Impl(size_t threads_max, size_t waiting) : max_threads(threads_max), max_waiting(waiting) {}

  void Work() {
    MutexLock lock(mutex);
    while (true) {
      while (tasks.empty() && !stopping) changed.Wait(mutex);
      if (tasks.empty()) return;
      std::function<void()> task = std::move(tasks.front());
      tasks.pop_front();
      mutex.Unlock();
      task();
      task = nullptr;  // What it holds goes before the lock is taken again.
      mutex.Lock();
      --taken;
    }
  }

  const size_t max_threads;
  const size_t max_waiting;
  Mutex mutex;
  CondVar changed;
  std::deque<std::function<void()>> tasks ABSL_GUARDED_BY(mutex);
  std::vector<std::thread> threads ABSL_GUARDED_BY(mutex);
  size_t taken ABSL_GUARDED_BY(mutex) = 0;  // Tasks that run or wait.
  bool stopping ABSL_GUARDED_BY(mutex) = false;
};

WorkerPool::WorkerPool(size_t threads, size_t waiting) : impl_(std::make_unique<Impl>(threads, waiting)) {}

WorkerPool::~WorkerPool() {
  std::vector<std::thread> threads;
  {
    const MutexLock lock(impl_->mutex);
    impl_->stopping = true;
    threads.swap(impl_->threads);
  }
  impl_->changed.NotifyAll();
  for (std::thread& thread : threads) thread.join();
}

bool WorkerPool::Run(std::function<void()> task) {
  const MutexLock lock(impl_->mutex);
  if (impl_->stopping) return false;
  if (impl_->taken == impl_->max_threads + impl_->max_waiting) return false;
  ++impl_->taken;
  // Threads are made as they are needed: most servers never need the second.
  if (impl_->taken > impl_->threads.size() && impl_->threads.size() < impl_->max_threads) {
    impl_->threads.emplace_back([impl = impl_.get()] { impl->Work(); });
  }
  impl_->tasks.push_back(std::move(task));
  impl_->changed.NotifyOne();
  return true;
}

namespace {

// Between the loop's thread and the pool's: each says what it wants under the mutex, and wakes the other.
class Exchange final : public SyncCall, public std::enable_shared_from_this<Exchange> {
 public:
  explicit Exchange(Call& call) : info_(call.info()), waker_(call.waker()) {}

  // ---- on the pool's thread
  const CallInfo& info() const override { return info_; }
  std::optional<std::string> Read() override {
    const MutexLock lock(mutex_);
    if (!message_ && !half_closed_ && !over_) {
      wants_message_ = true;
      waker_->Wake();
      while (!message_ && !half_closed_ && !over_) changed_.Wait(mutex_);
    }
    if (over_ || !message_) return std::nullopt;
    std::optional<std::string> taken = std::move(message_);
    message_.reset();
    return taken;
  }
  bool Write(Payload message) override {
    const MutexLock lock(mutex_);
    while (writing_ && !over_) changed_.Wait(mutex_);
    if (over_) return false;
    writing_ = true;
    outgoing_ = std::move(message);
    waker_->Wake();
    return true;
  }
  bool cancelled() const override {
    const MutexLock lock(mutex_);
    return over_;
  }
  std::function<void(const absl::Status& status)> Ender() override {
    return [weak = weak_from_this()](const absl::Status& status) {
      if (const std::shared_ptr<Exchange> self = weak.lock()) self->End(status);
    };
  }
  void Returned(absl::Status status) {
    const MutexLock lock(mutex_);
    result_ = std::move(status);
    waker_->Wake();
  }

  // ---- on the loop's thread
  void Message(std::string message) {
    const MutexLock lock(mutex_);
    wants_message_ = false;
    message_ = std::move(message);
    changed_.NotifyAll();
  }
  void HalfClosed() {
    const MutexLock lock(mutex_);
    half_closed_ = true;
    changed_.NotifyAll();
  }
  void Written() {
    const MutexLock lock(mutex_);
    writing_ = false;
    changed_.NotifyAll();
  }
  void Over() {
    const MutexLock lock(mutex_);
    over_ = true;
    outgoing_.reset();
    changed_.NotifyAll();
  }
  struct Wishes {
    std::optional<absl::Status> abort;
    bool read = false;
    std::optional<Payload> write;
    std::optional<absl::Status> finish;
  };
  Wishes Take() {
    const MutexLock lock(mutex_);
    Wishes wishes;
    wishes.abort = std::exchange(abort_, std::nullopt);
    if (over_) return wishes;
    wishes.read = wants_message_;
    wishes.write = std::move(outgoing_);
    outgoing_.reset();
    wishes.finish = std::move(result_);
    result_.reset();
    return wishes;
  }

 private:
  // On any thread.
  void End(const absl::Status& status) {
    const MutexLock lock(mutex_);
    if (over_ || result_) return;
    over_ = true;
    outgoing_.reset();
    abort_ = status;
    changed_.NotifyAll();
    waker_->Wake();
  }

  const CallInfo info_;  // The function may outlive the call.
  const std::shared_ptr<Waker> waker_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool wants_message_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<std::string> message_ ABSL_GUARDED_BY(mutex_);
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<Payload> outgoing_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> result_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> abort_ ABSL_GUARDED_BY(mutex_);
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
};

absl::Status RunFunction(const SyncFunction& function, SyncCall& call) {
  try {
    return function(call);
  } catch (const std::exception& e) {
    return absl::InternalError(e.what());
  }
}

class SyncHandler final : public CallHandler {
 public:
  SyncHandler(Call& call, WorkerPool& pool, Requests requests, std::shared_ptr<const SyncFunction> function)
      : call_(call),
        pool_(pool),
        requests_(requests),
        function_(std::move(function)),
        exchange_(std::make_shared<Exchange>(call)) {
    call_.Read();
  }

  void OnMessage(std::string message) override {
    if (requests_ == Requests::kMany) {
      exchange_->Message(std::move(message));
      Start();
    } else if (has_request_) {
      Refuse(absl::UnimplementedError("the request has several messages; this method takes one"));
    } else {
      has_request_ = true;
      exchange_->Message(std::move(message));
      call_.Read();  // Only to learn that there is no other.
    }
  }
  void OnHalfClose() override {
    if (requests_ == Requests::kOne && !has_request_) {
      Refuse(absl::UnimplementedError("the request has no message; this method takes one"));
      return;
    }
    exchange_->HalfClosed();
    Start();
  }
  void OnWritten() override { exchange_->Written(); }
  void OnWake() override {
    Exchange::Wishes wishes = exchange_->Take();
    if (wishes.abort) return call_.Abort(*wishes.abort);
    if (wishes.read) call_.Read();
    if (wishes.write) call_.Write(*std::move(wishes.write));
    if (wishes.finish) call_.Finish(*wishes.finish);
  }
  void OnCancel(const absl::Status& /*why*/) override { exchange_->Over(); }
  void OnDone() override { exchange_->Over(); }

 private:
  void Start() {
    if (started_ || refused_) return;
    started_ = true;
    const bool runs = pool_.Run(
        [exchange = exchange_, function = function_] { exchange->Returned(RunFunction(*function, *exchange)); });
    if (!runs) Refuse(absl::ResourceExhaustedError("too many calls at once; try again"));
  }
  void Refuse(const absl::Status& status) {
    refused_ = true;
    call_.Finish(status);
  }

  Call& call_;
  WorkerPool& pool_;
  const Requests requests_;
  const std::shared_ptr<const SyncFunction> function_;
  const std::shared_ptr<Exchange> exchange_;
  bool has_request_ = false;
  bool started_ = false;
  bool refused_ = false;
};

}  // namespace

MakeHandler Synchronous(WorkerPool& pool, Requests requests, SyncFunction function) {
  return [&pool, requests, function = std::make_shared<const SyncFunction>(std::move(function))](Call& call) {
    return std::make_unique<SyncHandler>(call, pool, requests, function);
  };
}

}  // namespace sluice::rpc
