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
// For the broker to confirm a reply that is published alone.
constexpr Millis kForAnswer{2'000};
constexpr Millis kLookAgain{1};

}  // namespace

OutboxRecovery::OutboxRecovery(const Clock& clock, Outbox& outbox, ReadPage read, CrashMarks* marks,
                               MetricsRegistry& metrics, std::function<void()> on_done)
    : outbox_(outbox),
      read_(std::move(read)),
      on_done_(std::move(on_done)),
      log_limit_(clock, {.burst = 1, .interval = Millis(10'000)}),
      mark_(marks, CrashMarks::Part::kReplies),
      left_out_(LeftOutAfterCrashes(metrics, "replies")) {}

SteadyTime OutboxRecovery::Tick(SteadyTime now) {
  if (done()) {
    if (mark_.kept() && outbox_.recovered() > 0) return now + kAfterError;
    mark_.None();
    return kNever;
  }
  if (now < not_before_) return not_before_;
  if (Awaits(now)) return not_before_ = now + kLookAgain;
  const Fill room = outbox_.room();
  if (room.messages == 0 || room.bytes == 0) return not_before_ = now + kForRoom;

  if (!careful()) mark_.Some();
  absl::StatusOr<std::vector<RecoveredReply>> page =
      read_(after_, careful() ? 1 : std::min(kPageMessages, room.messages), std::min(kPageBytes, room.bytes));
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
    return now;
  }
  after_ = page->back().record;
  HandOver(*std::move(page), now);
  return now;
}

bool OutboxRecovery::Awaits(SteadyTime now) {
  if (answer_until_ == kNever) return false;
  if (outbox_.recovered() > 0) {
    if (now < answer_until_) return true;
    // Workers wait for this. Perhaps the broker is away: what is published alone then is nothing.
    patient_ = false;
  } else {
    mark_.None();
  }
  answer_until_ = kNever;
  return false;
}

void OutboxRecovery::HandOver(std::vector<RecoveredReply> page, SteadyTime now) {
  std::erase_if(page, [this](const RecoveredReply& reply) {
    const uint32_t deaths = mark_.Deaths(reply.record);
    if (deaths < CrashMarks::kMostDeaths) return false;
    left_out_.Add();
    log::Error("a reply stays in the journal: the gateway has ended each time it published it",
               {{"record", reply.record},
                {"connection", reply.connection},
                {"topic", reply.message->topic},
                {"bytes", static_cast<int64_t>(reply.message->bytes())},
                {"times", static_cast<int64_t>(deaths + 1)}});
    return true;
  });
  if (page.empty()) return;
  replies_ += page.size();
  if (careful()) {
    mark_.One(page.front().record);
    answer_until_ = now + kForAnswer;
  }
  outbox_.Recover(std::move(page));
}

}  // namespace sluice
