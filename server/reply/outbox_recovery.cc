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

OutboxRecovery::OutboxRecovery(const Clock& clock, Outbox& outbox, const std::vector<std::string>& connections,
                               ReadPage read, CrashMarks* marks, MetricsRegistry& metrics,
                               std::function<void(const std::string&)> on_done)
    : outbox_(outbox),
      read_(std::move(read)),
      on_done_(std::move(on_done)),
      log_limit_(clock, {.burst = 1, .interval = Millis(10'000)}),
      mark_(marks, CrashMarks::Part::kReplies),
      left_out_(LeftOutAfterCrashes(metrics, "replies")) {
  progress_[""];
  for (const std::string& connection : connections) progress_[connection];
}

SteadyTime OutboxRecovery::Tick(SteadyTime now) {
  if (done()) {
    if (mark_.kept() && outbox_.recovered() > 0) return now + kAfterError;
    mark_.None();
    return kNever;
  }
  if (now < not_before_) return not_before_;
  if (Awaits(now)) return not_before_ = now + kLookAgain;
  if (!passing_ && !BeginPass()) return not_before_ = now + kForRoom;

  if (!careful()) mark_.Some();
  absl::StatusOr<std::vector<RecoveredReply>> page = read_(after_, careful() ? 1 : kPageMessages, kPageBytes);
  if (!page.ok()) {
    if (log_limit_.Admit("replies cannot be read from the journal", "")) {
      log::Error("replies cannot be read from the journal; workers wait until they can",
                 {{"error", page.status().ToString()}});
    }
    return not_before_ = now + kAfterError;
  }
  const bool was_last = page->empty() || page->back().record >= last_;
  std::erase_if(*page, [this](const RecoveredReply& reply) { return reply.record > last_; });
  if (!page->empty()) {
    after_ = page->back().record;
    Choose(*page);
    HandOver(*std::move(page), now);
  }
  if (was_last) EndPass();
  return now;
}

bool OutboxRecovery::BeginPass() {
  RecordId from = UINT64_MAX;
  for (auto& [connection, progress] : progress_) {
    if (progress.done) continue;
    if (progress.waits) {
      const Fill room = outbox_.room(connection);
      if (room.messages == 0 || room.bytes == 0) continue;
      progress.waits = false;
    }
    from = std::min(from, progress.handed_over);
    passing_ = true;
  }
  if (passing_) after_ = from;
  return passing_;
}

OutboxRecovery::Progress& OutboxRecovery::Of(const RecoveredReply& reply) {
  const auto found = progress_.find(reply.connection);
  return found == progress_.end() ? progress_.at("") : found->second;
}

void OutboxRecovery::Choose(std::vector<RecoveredReply>& page) {
  for (auto& [connection, progress] : progress_) progress.room = outbox_.room(connection);
  std::erase_if(page, [this](const RecoveredReply& reply) {
    Progress& progress = Of(reply);
    if (progress.done || progress.waits || reply.record <= progress.handed_over) return true;
    Fill& room = progress.room;
    if (room.messages == 0 || room.bytes == 0) {
      progress.waits = true;
      return true;
    }
    progress.handed_over = reply.record;
    --room.messages;
    room.bytes -= std::min<uint64_t>(room.bytes, reply.message->footprint());
    return false;
  });
  // Nobody is to be found more of.
  passing_ = std::ranges::any_of(progress_, [](const auto& each) { return !each.second.done && !each.second.waits; });
}

void OutboxRecovery::EndPass() {
  passing_ = false;
  // What comes behind is of this process.
  if (last_ == UINT64_MAX) last_ = after_;
  bool all = true;
  for (auto& [connection, progress] : progress_) {
    if (!progress.waits && !progress.done) {
      progress.done = true;
      if (!connection.empty()) on_done_(connection);
    }
    all &= progress.done;
  }
  if (!all) return;
  if (replies_ > 0) log::Info("replies of an earlier run are published again", {{"replies", replies_}});
  done_.store(true, std::memory_order_release);
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
