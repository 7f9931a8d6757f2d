#include "server/journal/group_sync.h"

#include <algorithm>

namespace sluice {

absl::Status GroupSync::Wait(uint64_t ticket) {
  mutex_.Lock();
  while (synced_ < ticket && failure_.ok()) {
    if (running_) {
      done_.Wait(mutex_);
      continue;
    }
    running_ = true;
    mutex_.Unlock();
    const absl::StatusOr<uint64_t> synced = sync_();
    mutex_.Lock();
    running_ = false;
    if (synced.ok()) {
      synced_ = std::max(synced_, *synced);
    } else {
      failure_ = synced.status();
    }
    done_.NotifyAll();
  }
  absl::Status status = synced_ >= ticket ? absl::OkStatus() : failure_;
  mutex_.Unlock();
  return status;
}

}  // namespace sluice
