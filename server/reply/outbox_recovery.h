// Brings the replies that an earlier process left in the journal into the outbox: page by page as there is room, so
// that memory holds no more of them than the outbox may.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/journal/crash_marks.h"
#include "server/journal/recovered.h"
#include "server/reply/outbox.h"
#include "server/runtime/clock.h"
#include "server/runtime/ticker.h"
#include "server/telemetry/log_limit.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Until it is done no worker must be given anything: new replies would overtake the older ones of their topics. So
// pause the dispatcher before, and resume it in `done`.
//
// A reply that is the end of the process when it is published would be that of each start. So after such an end the first
// ones are published one at a time, each when the one before is confirmed; and one that two more ends were marked with
// stays in the journal.
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
  // `marks` may be null, and outlives it.
  OutboxRecovery(const Clock& clock, Outbox& outbox, ReadPage read, CrashMarks* marks, MetricsRegistry& metrics,
                 std::function<void()> on_done);
  OutboxRecovery(const OutboxRecovery&) = delete;
  OutboxRecovery& operator=(const OutboxRecovery&) = delete;

  // One page, if the outbox is not full. Reads again at once after a page, a little later when there is no room, and
  // a second later when the journal could not be read. Goes on until the broker has confirmed the last of them.
  SteadyTime Tick(SteadyTime now) override;

  bool done() const { return done_.load(std::memory_order_acquire); }

 private:
  bool careful() const { return mark_.careful() && patient_; }
  // The reply that is published alone is under way.
  bool Awaits(SteadyTime now);
  // All that are not left out go to the outbox.
  void HandOver(std::vector<RecoveredReply> page, SteadyTime now);

  Outbox& outbox_;
  const ReadPage read_;
  const std::function<void()> on_done_;
  log::Limiter log_limit_;

  // Of the ticker's thread.
  RecordId after_ = 0;
  size_t replies_ = 0;
  SteadyTime not_before_{};
  CrashMark mark_;
  Counter& left_out_;
  bool patient_ = true;               // The broker confirms in time what is published alone.
  SteadyTime answer_until_ = kNever;  // For the one that is.

  std::atomic<bool> done_ = false;
};

}  // namespace sluice
