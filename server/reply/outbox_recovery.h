// Brings the replies that an earlier process left in the journal into the outbox: page by page as there is room, so
// that memory holds no more of them than the outbox may.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
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

// Until it is done with a connection no worker must be given a message of it: new replies would overtake the older ones
// of their topics. So close the connections in the dispatcher before, and open each when it is told to be done. One whose
// replies have no room waits, and the others go on: the journal is looked through again for it.
//
// A reply that is the end of the process when it is published would be that of each start. So after such an end the first
// ones are published one at a time, each when the one before is confirmed; and one that two more ends were marked with
// stays in the journal.
//
// For one thread, which waits for the disk; done() may be asked from any.
class OutboxRecovery final : public Tickable {
 public:
  // Replies with records after `after`, in order, at most so many and (but for the first) so many bytes of them.
  // Empty: that was all.
  using ReadPage =
      std::function<absl::StatusOr<std::vector<RecoveredReply>>(RecordId after, size_t max_messages, size_t max_bytes)>;
  // `on_done` is called once for each of `connections`, when its last reply has been handed to the outbox, by the tick that
  // finds there are no more.
  // `marks` may be null, and outlives it.
  OutboxRecovery(const Clock& clock, Outbox& outbox, const std::vector<std::string>& connections, ReadPage read,
                 CrashMarks* marks, MetricsRegistry& metrics, std::function<void(const std::string&)> on_done);
  OutboxRecovery(const OutboxRecovery&) = delete;
  OutboxRecovery& operator=(const OutboxRecovery&) = delete;

  // One page, if there is a connection that has room. Reads again at once after a page, a little later when there is no room, and
  // a second later when the journal could not be read. Goes on until the broker has confirmed the last of them.
  SteadyTime Tick(SteadyTime now) override;

  bool done() const { return done_.load(std::memory_order_acquire); }

 private:
  bool careful() const { return mark_.careful() && patient_; }
  // The reply that is published alone is under way.
  bool Awaits(SteadyTime now);
  // One of the connections, or, with the name "", all that are not configured any more.
  struct Progress {
    RecordId handed_over = 0;  // Those up to here are.
    bool waits = false;        // For room.
    bool done = false;
    Fill room{};  // While a page is looked through.
  };

  // Where to look through the journal from, for those that have room; false: there are none.
  bool BeginPass();
  Progress& Of(const RecoveredReply& reply);
  // Those that are to be handed over now; the others of the page are passed over.
  void Choose(std::vector<RecoveredReply>& page);
  // The journal has no more. Tells of those that are done.
  void EndPass();
  // All that are not left out go to the outbox.
  void HandOver(std::vector<RecoveredReply> page, SteadyTime now);

  Outbox& outbox_;
  const ReadPage read_;
  const std::function<void(const std::string&)> on_done_;
  log::Limiter log_limit_;

  // Of its thread.
  std::map<std::string, Progress, std::less<>> progress_;
  bool passing_ = false;
  RecordId after_ = 0;
  RecordId last_ = UINT64_MAX;  // Of what an earlier process left, once that is known.
  size_t replies_ = 0;
  SteadyTime not_before_{};
  CrashMark mark_;
  Counter& left_out_;
  bool patient_ = true;               // The broker confirms in time what is published alone.
  SteadyTime answer_until_ = kNever;  // For the one that is.

  std::atomic<bool> done_ = false;
};

}  // namespace sluice
