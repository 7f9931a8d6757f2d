#include "client/cpp/src/resolver.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "client/cpp/src/mutex.h"

namespace sluice::client {

// Shared with the thread, which may outlive the Resolver by the length of one lookup.
struct Resolver::State {
  std::vector<Target> targets;
  Options::Family family = Options::Family::kPreferIpv4;
  ResolverFunction ask;
  Millis interval{0};
  OnLookup on_lookup;
  std::optional<Backoff> failed;  // Of the thread.
  Millis again{0};                // Of the thread: until the next lookups.

  Mutex mutex;
  CondVar changed;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  bool looking ABSL_GUARDED_BY(mutex) = false;  // In the system's resolver, or the user's.
  std::thread thread;

  // False: stopping.
  bool LookUpAll() {
    again = interval;
    bool found_all = true;
    for (size_t i = 0; i < targets.size(); ++i) {
      if (targets[i].literal) continue;
      {
        MutexLock lock(mutex);
        if (stopping) return false;
        looking = true;
      }
      Lookup lookup = Resolve(targets[i], family, ask);
      if (!lookup.status.ok() && std::exchange(found_all, false)) {
        again = std::min(interval, failed->Next(lookup.status.code()));
      }
      // Under the lock, so that the destructor returns after it.
      MutexLock lock(mutex);
      looking = false;
      if (stopping) return false;
      on_lookup(i, std::move(lookup), again);
    }
    if (found_all) failed->Reset();
    return true;
  }

  void Run() {
    while (LookUpAll()) {
      const SteadyTime due = Now() + again;
      MutexLock lock(mutex);
      while (!stopping && Now() < due) changed.WaitUntil(mutex, due);
      if (stopping) return;
    }
  }
};

Resolver::Resolver(std::vector<Target> targets, Options::Family family, ResolverFunction ask, Millis interval,
                   const Backoff& failed, OnLookup on_lookup)
    : state_(std::make_shared<State>()) {
  bool names = false;
  for (const Target& target : targets) names = names || !target.literal;
  state_->targets = std::move(targets);
  state_->family = family;
  state_->ask = std::move(ask);
  state_->interval = interval;
  state_->failed = failed;
  state_->on_lookup = std::move(on_lookup);
  if (names) state_->thread = std::thread([state = state_] { state->Run(); });
}

Resolver::~Resolver() {
  if (!state_->thread.joinable()) return;
  bool looking = false;
  {
    MutexLock lock(state_->mutex);
    state_->stopping = true;
    looking = state_->looking;
  }
  state_->changed.NotifyAll();
  if (looking) {
    state_->thread.detach();
  } else {
    state_->thread.join();
  }
}

}  // namespace sluice::client
