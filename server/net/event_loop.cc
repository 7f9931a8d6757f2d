#include "server/net/event_loop.h"

#include <pthread.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "server/net/loop.h"

namespace sluice {
namespace {

thread_local const EventLoop::Impl* t_current = nullptr;

}  // namespace

EventLoop::Impl::Impl(std::string thread_name) : name(std::move(thread_name)), work(io.get_executor()) {
  // Makes Asio open its descriptors now, where an exception can be taken.
  asio::steady_timer timer(io);
}

void EventLoop::Impl::Run(std::shared_ptr<void> owner) {
  constexpr size_t kMaxName = 15;
  pthread_setname_np(pthread_self(), name.substr(0, kMaxName).c_str());
  t_current = this;
  io.run();
  io.shutdown();
  running.clear();
  std::vector<std::function<void()>> dropped;
  {
    MutexLock lock(mutex);
    dropped.swap(posted);
  }
  dropped.clear();
  owner.reset();
  MutexLock lock(mutex);
  ended = true;
  changed.NotifyAll();
}

void EventLoop::Impl::RunPosted() {
  {
    MutexLock lock(mutex);
    running.swap(posted);
  }
  for (std::function<void()>& task : running) {
    if (stopping) return;
    // Out of the list first: what it holds goes as soon as it has run.
    std::exchange(task, nullptr)();
  }
  running.clear();
}

EventLoop::EventLoop(const std::string& name) : impl_(std::make_shared<Impl>(name)) {}

EventLoop::~EventLoop() {
  bool stop;
  {
    MutexLock lock(impl_->mutex);
    stop = !impl_->left_behind;
  }
  if (stop) Stop(InLoop() ? SteadyTime::min() : kNever);
}

void EventLoop::Start(std::shared_ptr<void> owner) {
  MutexLock lock(impl_->mutex);
  impl_->ended = false;
  impl_->thread = std::thread([impl = impl_, owner = std::move(owner)]() mutable { impl->Run(std::move(owner)); });
}

void EventLoop::Post(std::function<void()> task) {
  Impl& impl = *impl_;
  {
    MutexLock lock(impl.mutex);
    if (impl.stopping) return;
    impl.posted.push_back(std::move(task));
    if (impl.posted.size() > 1) return;  // Whoever posted the first one has woken the thread.
  }
  asio::post(impl.io, [&impl] { impl.RunPosted(); });
}

bool EventLoop::Stop(SteadyTime deadline) {
  Impl& impl = *impl_;
  MutexLock lock(impl.mutex);
  impl.stopping = true;
  impl.io.stop();
  while (!impl.ended) {
    if (deadline == kNever) {
      impl.changed.Wait(impl.mutex);
    } else if (Clock::Real().Now() < deadline) {
      impl.changed.WaitUntil(impl.mutex, deadline);
    } else {
      if (impl.thread.joinable()) impl.thread.detach();
      impl.left_behind = true;
      return false;
    }
  }
  // The thread has let go of the mutex, or is about to.
  if (impl.thread.joinable()) impl.thread.join();
  return true;
}

bool EventLoop::InLoop() const { return t_current == impl_.get(); }

// Shared with the handler of a wait, which may run after the Timer has gone.
struct Timer::Impl {
  explicit Impl(asio::io_context& io) : timer(io.get_executor()) {}

  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor> timer;
  std::function<void()> task;
  uint64_t generation = 0;  // Tells the wait for `task` from earlier ones, whose handlers may be queued already.
};

Timer::Timer(EventLoop& loop) : impl_(std::make_shared<Impl>(loop.impl().io)) {}

Timer::~Timer() { Cancel(); }

void Timer::Set(SteadyTime when, std::function<void()> task) {
  impl_->task = std::move(task);
  impl_->timer.expires_at(when);
  impl_->timer.async_wait([impl = impl_, generation = ++impl_->generation](const error_code& /*only when cancelled*/) {
    if (impl->generation != generation) return;
    std::exchange(impl->task, nullptr)();
  });
}

void Timer::Cancel() {
  if (!impl_->task) return;
  ++impl_->generation;
  impl_->task = nullptr;
  impl_->timer.cancel();
}

}  // namespace sluice
