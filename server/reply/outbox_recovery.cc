#include "server/reply/outbox_recovery.h"

#include <algorithm>
#include <utility>

#include "server/telemetry/log.h"

namespace sluice {
namespace {

// A tick reads no more than this: leases and heartbeats are not to wait for the disk.
constexpr size_t kPageMessages = 1'000;
constexpr size_t kPageBytes = 1u << 20;

// Until room is looked for again: a window's worth of confirmations takes about as long.
constexpr Millis kForRoom{10};
constexpr Millis kAfterError{1'000};

}  // namespace

OutboxRecovery::OutboxRecovery(const Clock& clock, Outbox& outbox, ReadPage read, std::function<void()> on_done)
    : outbox_(outbox),
      read_(std::move(read)),
      on_done_(std::move(on_done)),
      log_limit_(clock, {.burst = 1, .interval = Millis(10'000)}) {}

SteadyTime OutboxRecovery::Tick(SteadyTime now) {
  if (done()) return kNever;
  if (now < not_before_) return not_before_;
  const Fill room = outbox_.room();
  if (room.messages == 0 || room.bytes == 0) return not_before_ = now + kForRoom;

  absl::StatusOr<std::vector<RecoveredReply>> page =
      read_(after_, std::min(kPageMessages, room.messages), std::min(kPageBytes, room.bytes));
  if (!page.ok()) {
    if (log_limit_.Admit("replies cannot be read from the journal", "")) {
      log::Error("replies cannot be read from the journal; workers wait until they can",
                 {{"error", page.status().ToString()}});
    }
    return not_before_ = now + kAfterError;
  }
  if (page->empty()) {
    if (replies_ > 0) log::Info("replies of an earlier run are published again", {{"replies", replies_}});
    done_.store(true, std::memory_order_release);
    on_done_();
    return kNever;
  }
  after_ = page->back().record;
  replies_ += page->size();
  outbox_.Recover(*std::move(page));
  return now;
}

}  // namespace sluice
