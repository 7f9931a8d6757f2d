// What is kept of a chain, when it is forgotten, and what the chains that anybody may name have in common: series and
// room in memory.
#include <algorithm>
#include <utility>

#include "server/queue/dispatch_core.h"

namespace sluice {
namespace {

// Chains that can be forgotten and have series of their own: so many before a worker comes for them, and so many in
// all. The others are counted together.
constexpr size_t kMostNamed = 100;
constexpr size_t kMostNamedForWorkers = 1'000;
// How many times the room of one of them all chains that can be forgotten have.
constexpr size_t kSharedRooms = 4;
// The part of one's own room that is there for QoS 0 however full the shared one is.
constexpr size_t kOwnPart = 1'000;

}  // namespace

ChainState& DispatchCore::StateOf(const Chain& chain) {
  if (chain.index >= chains_.size()) chains_.resize(chain.index + 1);
  std::unique_ptr<ChainState>& state = chains_[chain.index];
  if (state == nullptr) {
    const bool named = !chain.can_be_forgotten();
    state = std::make_unique<ChainState>(
        chain, ChainMetrics(metrics_, named ? chain.name : kOtherChains, chain.options()), timers_);
    state->named = named;
    NameInMetrics(*state, /*serves_worker=*/false);
  }
  state->used = true;
  return *state;
}

void DispatchCore::OnOptionsChanged(const Chain& chain, SteadyTime now, Effects& effects) {
  if (chain.index >= chains_.size() || chains_[chain.index] == nullptr) return;
  Begin(now, effects);
  ChainState& state = *chains_[chain.index];
  state.queue.SetOptions(chain.options());
  if (state.named) ChainMetrics::ShowLimits(metrics_, chain.name, chain.options());
  Touch(state);
  Commit();
}

void DispatchCore::NameInMetrics(ChainState& chain, bool serves_worker) {
  if (chain.named || named_ >= (serves_worker ? kMostNamedForWorkers : kMostNamed)) return;
  ++named_;
  chain.named = true;
  chain.metrics.Publish(0, 0, 0, 0);
  chain.metrics = ChainMetrics(metrics_, chain.chain.name, chain.chain.options());
  PublishMetrics(chain);
}

void DispatchCore::ForgetIdle(Millis idle, SteadyTime now) {
  for (std::unique_ptr<ChainState>& state : chains_) {
    if (state == nullptr || !state->chain.can_be_forgotten()) continue;
    if (std::exchange(state->used, false) || !state->Idle()) {
      state->idle_since = now;
    } else if (now - state->idle_since >= idle) {
      if (state->held_back) std::erase(held_back_, state.get());
      if (state->buries) std::erase(burying_, state.get());
      state->metrics.Publish(0, 0, 0, 0);
      if (state->named) {
        ChainMetrics::Forget(metrics_, state->chain.name);
        --named_;
      }
      state.reset();
    }
  }
}

void DispatchCore::CountShared(ChainState& chain) {
  if (!chain.chain.can_be_forgotten()) return;
  const size_t messages = chain.queue.messages();
  const size_t bytes = chain.queue.bytes();
  shared_messages_ += messages - std::exchange(chain.shared_messages, messages);
  shared_bytes_ += bytes - std::exchange(chain.shared_bytes, bytes);
  const ChainOptions& options = chain.chain.options();
  const size_t parts = shared_full_ ? 2 : 1;  // Until half of it is free again.
  shared_full_ = shared_messages_ * parts > options.max_messages * kSharedRooms ||
                 shared_bytes_ * parts > options.max_bytes * kSharedRooms;
  if (shared_full_ || held_back_.empty()) return;
  for (ChainState* held : std::exchange(held_back_, {})) {
    held->held_back = false;
    TellPressure(*held);
  }
}

bool DispatchCore::OverSharedBound(const ChainState& chain) const {
  if (!chain.chain.can_be_forgotten()) return false;
  const ChainOptions& options = chain.chain.options();
  // A little is everybody's, so that one whose workers keep up loses nothing to what waits for others.
  if (chain.queue.messages() <= std::max<size_t>(options.max_messages / kOwnPart, 1) &&
      chain.queue.bytes() <= options.max_bytes / kOwnPart) {
    return false;
  }
  return shared_messages_ - chain.shared_messages + chain.queue.messages() > options.max_messages * kSharedRooms ||
         shared_bytes_ - chain.shared_bytes + chain.queue.bytes() > options.max_bytes * kSharedRooms;
}

void DispatchCore::TellPressure(ChainState& chain) {
  if (auto high = chain.queue.PressureChange()) chain.pressed = *high;
  // While the shared room is full, one that has nothing in it may take something all the same: a chain whose workers
  // take what comes goes on, whatever waits for others.
  const bool held_back = chain.chain.can_be_forgotten() && shared_full_ && chain.queue.kept_messages() > 0;
  const bool high = chain.pressed || held_back;
  if (held_back && !std::exchange(chain.held_back, true)) held_back_.push_back(&chain);
  if (high == std::exchange(chain.told_high, high)) return;
  effects_->pressure.emplace_back(&chain.chain, high);
}

}  // namespace sluice
