#include "server/pressure/intake_gate.h"

#include <algorithm>

namespace sluice {

void IntakeGate::OnPressure(const Chain& chain, bool high) {
  MutexLock lock(mutex_);
  if (high ? !full_.insert(&chain).second : full_.erase(&chain) == 0) return;
  for (Entry& entry : connections_) {
    if (!entry.feeds(chain)) continue;
    if (high) {
      entry.connection->Pause("the queue of chain '" + chain.name + "' is full");
    } else if (std::ranges::none_of(full_, [&](const Chain* other) { return entry.feeds(*other); })) {
      entry.connection->Resume();
    }
  }
}

}  // namespace sluice
