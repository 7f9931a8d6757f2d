#include "server/queue/dispatcher.h"

#include <deque>
#include <iterator>
#include <utility>

#include "server/queue/dispatch_core.h"
#include "server/runtime/mutex.h"

namespace sluice {

// Holds the lock for the core, and carries out what an event leads to once it is released.
class Dispatcher::Impl {
 public:
  Impl(const Clock& clock, MetricsRegistry& metrics, DispatcherListener& listener,
       std::function<void(SteadyTime)> wake_by, uint64_t seed, InHand* in_hand)
      : clock_(clock), listener_(listener), wake_by_(std::move(wake_by)), core_(metrics, seed, in_hand) {}

  // Runs `event(core, effects)` under the lock, then its effects without it. Returns what the event does.
  template <typename Event>
  auto Run(const Event& event) {
    Effects effects;
    if constexpr (std::is_void_v<decltype(event(std::declval<DispatchCore&>(), effects))>) {
      {
        MutexLock lock(mutex_);
        event(core_, effects);
        KeepPressure(effects);
        TellIdle();
      }
      CarryOut(effects);
    } else {
      auto result = [&] {
        MutexLock lock(mutex_);
        auto of_event = event(core_, effects);
        KeepPressure(effects);
        TellIdle();
        return of_event;
      }();
      CarryOut(effects);
      return result;
    }
  }

  // For events without effects.
  template <typename Query>
  auto Ask(const Query& query) {
    MutexLock lock(mutex_);
    return query(core_);
  }

  SteadyTime Now() const { return clock_.Now(); }

  bool WaitUntilEmpty(SteadyTime deadline) {
    MutexLock lock(mutex_);
    ++waiters_;
    while (!Empty() && clock_.Now() < deadline) idle_.WaitUntil(mutex_, deadline);
    --waiters_;
    return Empty();
  }

  bool WaitUntilIdle(SteadyTime deadline) {
    MutexLock lock(mutex_);
    ++waiters_;
    while (core_.in_flight() > 0 && clock_.Now() < deadline) idle_.WaitUntil(mutex_, deadline);
    --waiters_;
    return core_.in_flight() == 0;
  }

 private:
  bool Empty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return core_.in_flight() + core_.waiting() == 0; }
  void TellIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (waiters_ > 0 && core_.in_flight() == 0) idle_.NotifyAll();
  }

  void KeepPressure(const Effects& effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    pressure_.insert(pressure_.end(), effects.pressure.begin(), effects.pressure.end());
  }

  void CarryOut(Effects& effects) {
    for (Effects::Revoked& revoked : effects.revoked) revoked.sink->Revoke(std::move(revoked.revocations));
    for (const LostDeliveries& lost : effects.lost) listener_.OnLost(lost);
    for (Effects::Batch& batch : effects.batches) batch.sink->Deliver(std::move(batch.deliveries));
    if (!effects.dropped.empty()) listener_.OnDropped(std::move(effects.dropped));
    if (!effects.attempts.empty()) listener_.OnAttempts(effects.attempts);
    if (!effects.dead_letters.empty()) listener_.OnDeadLetters(std::move(effects.dead_letters));
    if (!effects.pressure.empty()) TellPressure();
    if (effects.wake != kNever) wake_by_(effects.wake);
  }

  // One thread at a time tells, in the order in which it happened: the last that the listener hears of a chain is how
  // it stands. Whoever comes while another tells leaves it to that one.
  void TellPressure() {
    {
      MutexLock lock(mutex_);
      if (telling_) return;
      telling_ = true;
    }
    while (true) {
      std::pair<ChainRef, bool> next;
      {
        MutexLock lock(mutex_);
        if (pressure_.empty()) {
          telling_ = false;
          return;
        }
        next = std::move(pressure_.front());
        pressure_.pop_front();
      }
      listener_.OnPressure(*next.first, next.second);
    }
  }

  const Clock& clock_;
  DispatcherListener& listener_;
  const std::function<void(SteadyTime)> wake_by_;

  Mutex mutex_;
  DispatchCore core_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::pair<ChainRef, bool>> pressure_ ABSL_GUARDED_BY(mutex_);  // Not yet told.
  bool telling_ ABSL_GUARDED_BY(mutex_) = false;
  CondVar idle_;                             // Nothing is in flight.
  int waiters_ ABSL_GUARDED_BY(mutex_) = 0;  // For it.
};

Dispatcher::Dispatcher(const Clock& clock, MetricsRegistry& metrics, DispatcherListener& listener,
                       std::function<void(SteadyTime)> wake_by, uint64_t seed, InHand* in_hand)
    : impl_(std::make_unique<Impl>(clock, metrics, listener, std::move(wake_by), seed, in_hand)) {}

Dispatcher::~Dispatcher() = default;

void Dispatcher::Enqueue(std::span<RoutedMessage> batch) {
  impl_->Run([&, now = impl_->Now()](DispatchCore& core, Effects& effects) { core.Enqueue(batch, now, effects); });
}

SessionId Dispatcher::AddSession(SessionOptions options, std::shared_ptr<DeliverySink> sink) {
  return impl_->Run([&, now = impl_->Now()](DispatchCore& core, Effects& effects) {
    return core.AddSession(std::move(options), std::move(sink), now, effects);
  });
}

void Dispatcher::SetWindow(SessionId session, Window window) {
  impl_->Run(
      [&, now = impl_->Now()](DispatchCore& core, Effects& effects) { core.SetWindow(session, window, now, effects); });
}

void Dispatcher::DrainSession(SessionId session) {
  impl_->Run(
      [&, now = impl_->Now()](DispatchCore& core, Effects& effects) { core.DrainSession(session, now, effects); });
}

std::vector<uint64_t> Dispatcher::Begin(SessionId session, std::span<const uint64_t> ids) {
  return impl_->Ask([&, now = impl_->Now()](DispatchCore& core) { return core.BeginWork(session, ids, now); });
}

void Dispatcher::RemoveSession(SessionId session, SessionEnd how, uint64_t written) {
  impl_->Run([&, now = impl_->Now()](DispatchCore& core, Effects& effects) {
    core.RemoveSession(session, how, written, now, effects);
  });
}

bool Dispatcher::HasInFlight(SessionId session) const {
  return impl_->Ask([&](DispatchCore& core) { return core.HasInFlight(session); });
}

std::vector<std::optional<Dispatcher::Claimed>> Dispatcher::Claim(SessionId session, std::span<const uint64_t> ids) {
  return impl_->Ask([&](DispatchCore& core) { return core.Claim(session, ids); });
}

void Dispatcher::Finish(SessionId session, std::vector<Finished> finished) {
  impl_->Run(
      [&, now = impl_->Now()](DispatchCore& core, Effects& effects) { core.Finish(session, finished, now, effects); });
}

std::vector<std::optional<Dispatcher::InFlightInfo>> Dispatcher::Peek(SessionId session,
                                                                      std::span<const uint64_t> ids) const {
  return impl_->Ask([&](DispatchCore& core) { return core.Peek(session, ids); });
}

std::vector<Whereabouts> Dispatcher::Find(const MessagePredicate& wanted) const {
  std::vector<Whereabouts> found;
  bool last = false;
  for (size_t chain = 0; !last; ++chain) {
    std::vector<Whereabouts> part = impl_->Ask([&](DispatchCore& core) { return core.Find(chain, wanted, last); });
    found.insert(found.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
  }
  return found;
}

std::string Dispatcher::WorkerOf(SessionId session) const {
  return impl_->Ask([&](DispatchCore& core) { return core.WorkerOf(session); });
}

std::optional<Dispatcher::Extended> Dispatcher::Extend(SessionId session, uint64_t delivery_id, Millis lease) {
  return impl_->Run([&, now = impl_->Now()](DispatchCore& core, Effects& effects) {
    return core.Extend(session, delivery_id, lease, now, effects);
  });
}

void Dispatcher::Pause() {
  impl_->Ask([](DispatchCore& core) { core.Pause(); });
}

void Dispatcher::Resume() {
  impl_->Run([now = impl_->Now()](DispatchCore& core, Effects& effects) { core.Resume(now, effects); });
}

void Dispatcher::HoldLeases() {
  impl_->Ask([now = impl_->Now()](DispatchCore& core) { core.HoldLeases(now); });
}

void Dispatcher::ReleaseLeases() {
  impl_->Run([now = impl_->Now()](DispatchCore& core, Effects& effects) { core.ReleaseLeases(now, effects); });
}

void Dispatcher::HoldLeases(SessionId session) {
  impl_->Ask([&, now = impl_->Now()](DispatchCore& core) { core.HoldLeasesOf(session, now); });
}

void Dispatcher::ReleaseLeases(SessionId session) {
  impl_->Run(
      [&, now = impl_->Now()](DispatchCore& core, Effects& effects) { core.ReleaseLeasesOf(session, now, effects); });
}

void Dispatcher::CloseConnection(const std::string& connection) {
  impl_->Run([&, now = impl_->Now()](DispatchCore& core, Effects& effects) {
    core.CloseConnection(connection, now, effects);
  });
}

void Dispatcher::OpenConnection(const std::string& connection) {
  impl_->Run(
      [&, now = impl_->Now()](DispatchCore& core, Effects& effects) { core.OpenConnection(connection, now, effects); });
}

void Dispatcher::SetDeadLettersFull(bool full) {
  impl_->Run(
      [&, now = impl_->Now()](DispatchCore& core, Effects& effects) { core.SetDeadLettersFull(full, now, effects); });
}

bool Dispatcher::Idle() const {
  return impl_->Ask([](DispatchCore& core) { return core.in_flight() == 0; });
}

bool Dispatcher::HasWorkers() const {
  return impl_->Ask([](DispatchCore& core) { return core.HasWorkers(); });
}

size_t Dispatcher::Backlog() const {
  return impl_->Ask([](DispatchCore& core) { return core.in_flight() + core.waiting() + core.on_disk(); });
}

void Dispatcher::OnOptionsChanged(const Chain& chain) {
  impl_->Run([&](DispatchCore& core, Effects& effects) { core.OnOptionsChanged(chain, impl_->Now(), effects); });
}

void Dispatcher::Expect(const Chain& chain) {
  impl_->Ask([&](DispatchCore& core) { core.Expect(chain); });
}

void Dispatcher::SetOnDisk(const Chain& chain, Fill fill, bool full) {
  impl_->Ask([&](DispatchCore& core) { core.SetOnDisk(chain, fill, full); });
}

std::vector<Dispatcher::ChainCounts> Dispatcher::Chains() const {
  return impl_->Ask([](DispatchCore& core) { return core.Chains(); });
}

std::vector<ChainLoad> Dispatcher::ChainLoads() const {
  return impl_->Ask([now = impl_->Now()](DispatchCore& core) { return core.ChainLoads(now); });
}

std::optional<SessionLoad> Dispatcher::LoadOf(SessionId session) const {
  return impl_->Ask([session, now = impl_->Now()](DispatchCore& core) { return core.LoadOf(session, now); });
}

void Dispatcher::PauseChain(const Chain& chain) {
  impl_->Run([&, now = impl_->Now()](DispatchCore& core, Effects& effects) { core.PauseChain(chain, now, effects); });
}

void Dispatcher::ResumeChain(const Chain& chain) {
  impl_->Run([&, now = impl_->Now()](DispatchCore& core, Effects& effects) { core.ResumeChain(chain, now, effects); });
}

void Dispatcher::ForgetIdle(Millis idle) {
  impl_->Ask([&, now = impl_->Now()](DispatchCore& core) { core.ForgetIdle(idle, now); });
}

bool Dispatcher::WaitUntilEmpty(SteadyTime deadline) { return impl_->WaitUntilEmpty(deadline); }

bool Dispatcher::WaitUntilIdle(SteadyTime deadline) { return impl_->WaitUntilIdle(deadline); }

Dispatcher::Undone Dispatcher::HoldSlow(SteadyTime since, Millis age) {
  return impl_->Ask([&, now = impl_->Now()](DispatchCore& core) { return core.HoldSlow(since, age, now); });
}

SteadyTime Dispatcher::Tick(SteadyTime now) {
  return impl_->Run([&](DispatchCore& core, Effects& effects) { return core.Tick(now, effects); });
}

}  // namespace sluice
