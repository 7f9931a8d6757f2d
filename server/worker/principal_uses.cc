#include "server/worker/principal_uses.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sluice {
namespace {

// What may come at once without a pause.
constexpr std::chrono::seconds kBurst{1};

SteadyTime Pay(SteadyTime& until, size_t amount, uint64_t a_second, SteadyTime now) {
  const double seconds = static_cast<double>(amount) / static_cast<double>(a_second);
  // A frame is bounded, and so is what one costs; a rate of 1 a second must not make it for ever.
  const auto cost = std::chrono::duration<double>(std::min(seconds, 3'600.0));
  until = std::max(until, now) + std::chrono::duration_cast<SteadyTime::duration>(cost);
  return std::max(until - kBurst, now);
}

}  // namespace

SteadyTime PacedUse::Charge(size_t messages, size_t bytes, SteadyTime now) {
  if (!bounds_.messages_a_second && !bounds_.bytes_a_second) return now;
  MutexLock lock(mutex_);
  SteadyTime read_on = now;
  if (bounds_.messages_a_second) read_on = Pay(messages_until_, messages, *bounds_.messages_a_second, now);
  if (bounds_.bytes_a_second) read_on = std::max(read_on, Pay(bytes_until_, bytes, *bounds_.bytes_a_second, now));
  return read_on;
}

std::shared_ptr<PacedUse> PrincipalUses::Enter(const std::string& name, const Grants::Bounds& bounds) {
  std::shared_ptr<PacedUse> pace;
  {
    MutexLock lock(state_->mutex);
    Use& use = state_->uses[name];
    if (bounds.streams && use.streams >= *bounds.streams) {
      if (use.streams == 0) state_->uses.erase(name);
      return nullptr;
    }
    ++use.streams;
    // With other rules its streams that are still there go on as they did.
    if (use.pace == nullptr || use.pace->bounds() != bounds) use.pace = std::make_shared<PacedUse>(bounds);
    pace = use.pace;
  }
  PacedUse* const shared = pace.get();
  return {shared, [state = state_, name, pace = std::move(pace)](PacedUse* /*one of many*/) { state->Leave(name); }};
}

void PrincipalUses::State::Leave(const std::string& name) {
  MutexLock lock(mutex);
  const auto found = uses.find(name);
  if (found != uses.end() && --found->second.streams == 0) uses.erase(found);
}

}  // namespace sluice
