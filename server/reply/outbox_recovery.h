// Brings the replies that an earlier process left in the journal into the outbox: page by page as there is room, so
// that memory holds no more of them than the outbox may.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/journal/recovered.h"
#include "server/reply/outbox.h"
#include "server/runtime/clock.h"
#include "server/runtime/ticker.h"
#include "server/telemetry/log_limit.h"

namespace sluice {

// Until it is done no worker must be given anything: new replies would overtake the older ones of their topics. So
// pause the dispatcher before, and resume it in `done`.
//
// For the ticker's thread; done() may be asked from any.
class OutboxRecovery final : public Tickable {
 public:
  // Replies with records after `after`, in order, at most so many and (but for the first) so many bytes of them.
  // Empty: that was all.
  using ReadPage =
      std::function<absl::StatusOr<std::vector<RecoveredReply>>(RecordId after, size_t max_messages, size_t max_bytes)>;
  // `on_done` is called once, when the last reply has been handed to the outbox, by the tick that finds there are no
  // more.
  OutboxRecovery(const Clock& clock, Outbox& outbox, ReadPage read, std::function<void()> on_done);
  OutboxRecovery(const OutboxRecovery&) = delete;
  OutboxRecovery& operator=(const OutboxRecovery&) = delete;

  // One page, if the outbox is not full. Reads again at once after a page, a little later when there is no room, and
  // a second later when the journal could not be read.
  SteadyTime Tick(SteadyTime now) override;

  bool done() const { return done_.load(std::memory_order_acquire); }

 private:
  Outbox& outbox_;
  const ReadPage read_;
  const std::function<void()> on_done_;
  log::Limiter log_limit_;

  // Of the ticker's thread.
  RecordId after_ = 0;
  size_t replies_ = 0;
  SteadyTime not_before_{};

  std::atomic<bool> done_ = false;
};

}  // namespace sluice
