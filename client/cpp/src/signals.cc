#include "client/cpp/src/signals.h"

#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigaction is POSIX's.
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

namespace sluice::client {
namespace {

constexpr std::array<int, 2> kSignals = {SIGTERM, SIGINT};
constexpr char kSignal = 's';
constexpr char kEnd = 'e';

// The write end of the watch's pipe; -1: no watch. All that the signal handler touches.
std::atomic<int> pipe_end = -1;
static_assert(std::atomic<int>::is_always_lock_free);

void OnSignal(int /*number*/) {
  const int saved = errno;
  const int fd = pipe_end.load();
  // A full pipe means that signals enough are waiting.
  if (fd >= 0 && write(fd, &kSignal, 1) < 0) errno = saved;
  errno = saved;
}

}  // namespace

struct SignalWatch::State {
  std::array<int, 2> pipe{-1, -1};
  std::array<struct sigaction, kSignals.size()> former{};
  std::function<void(int)> on_signal;
  std::thread thread;

  void Read() const {
    for (int count = 0;;) {
      char what = 0;
      const ssize_t got = read(pipe[0], &what, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got != 1 || what == kEnd) return;
      on_signal(++count);
    }
  }
};

Status SignalWatch::Make(std::function<void(int count)> on_signal, std::unique_ptr<SignalWatch>& watch) {
  auto state = std::make_unique<State>();
  if (pipe2(state->pipe.data(), O_CLOEXEC) != 0) {
    return {StatusCode::kInternal, std::string("pipe2: ") + std::strerror(errno)};  // NOLINT(concurrency-mt-unsafe)
  }
  fcntl(state->pipe[1], F_SETFL, O_NONBLOCK);
  int none = -1;
  if (!pipe_end.compare_exchange_strong(none, state->pipe[1])) {
    close(state->pipe[0]);
    close(state->pipe[1]);
    return {StatusCode::kFailedPrecondition, "another worker of this process watches the signals already"};
  }
  state->on_signal = std::move(on_signal);
  State* raw = state.get();
  state->thread = std::thread([raw] { raw->Read(); });
  struct sigaction action{};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &state->former[i]);
  watch.reset(new SignalWatch(std::move(state)));
  return {};
}

SignalWatch::SignalWatch(std::unique_ptr<State> state) : state_(std::move(state)) {}

SignalWatch::~SignalWatch() {
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &state_->former[i], nullptr);
  pipe_end = -1;
  fcntl(state_->pipe[1], F_SETFL, 0);
  while (write(state_->pipe[1], &kEnd, 1) < 0 && errno == EINTR) {
  }
  state_->thread.join();
  close(state_->pipe[0]);
  close(state_->pipe[1]);
}

}  // namespace sluice::client
