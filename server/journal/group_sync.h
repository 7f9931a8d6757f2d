// One sync for all that wait for one.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/runtime/mutex.h"

namespace sluice {

// The first that waits syncs for all that have written by then; those who come meanwhile share the next sync.
// Thread-safe.
class GroupSync {
 public:
  // `sync` puts everything that is written when it is called onto the disk, and returns the last ticket that includes.
  // Called by one thread at a time, without locks.
  explicit GroupSync(std::function<absl::StatusOr<uint64_t>()> sync) : sync_(std::move(sync)) {}

  // Returns when what `ticket` names is on the disk. A sync that has failed is never tried again: the error stays.
  absl::Status Wait(uint64_t ticket);

 private:
  const std::function<absl::StatusOr<uint64_t>()> sync_;

  Mutex mutex_;
  CondVar done_;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t synced_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
