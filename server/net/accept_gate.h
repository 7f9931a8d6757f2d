// Who is let in by a listener: its ConnectionTable, shared with the connections, which free their places from the
// threads they live on.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "server/net/accept_limits.h"
#include "server/net/connection_slot.h"
#include "server/net/connection_table.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Thread-safe.
class AcceptGate : public std::enable_shared_from_this<AcceptGate> {
 public:
  // `open` counts the connections, and outlives them.
  AcceptGate(const AcceptLimits& limits, Gauge& open) : open_(open), table_(limits) {}

  struct Admission {
    ConnectionTable::Verdict verdict = ConnectionTable::Verdict::kAdmitted;
    ConnectionSlot slot;  // Of one that is admitted.
  };
  Admission Admit(const AddressKey& address, SteadyTime now) {
    MutexLock lock(mutex_);
    Admission admission{.verdict = table_.Admit(address, now), .slot = {}};
    if (admission.verdict == ConnectionTable::Verdict::kAdmitted) {
      open_.Add(1);
      admission.slot = ConnectionSlot([self = shared_from_this(), address] { self->Free(address); });
    }
    return admission;
  }
  bool Open(SteadyTime now) {
    MutexLock lock(mutex_);
    return table_.Open(now);
  }
  SteadyTime NextAdmission() {
    MutexLock lock(mutex_);
    return table_.NextAdmission();
  }

  // `freed` runs once, on the thread that frees the next place, with the gate's lock held: it posts.
  void WhenFreed(std::function<void()> freed) {
    MutexLock lock(mutex_);
    freed_ = std::move(freed);
  }

 private:
  void Free(const AddressKey& address) {
    MutexLock lock(mutex_);
    table_.Release(address);
    open_.Add(-1);
    if (freed_) std::exchange(freed_, nullptr)();
  }

  Gauge& open_;
  Mutex mutex_;
  ConnectionTable table_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> freed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
