// The thread of the dead letters: from the queue, and from what the journal still holds, into the store, then out of
// the journal.
#include <algorithm>
#include <span>
#include <utility>

#include "server/deadletter/dead_letters.h"
#include "server/deadletter/publication.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

// Of one transaction of the store.
constexpr size_t kBatchMessages = 500;
constexpr size_t kBatchBytes = 8u << 20;
// Between attempts to write the store, growing.
constexpr Millis kFirstPause{100};
constexpr Millis kLongestPause{30'000};
constexpr Millis kExpireEvery{60'000};

}  // namespace

void DeadLetters::Run() {
  while (true) {
    const SteadyTime next = Work();
    MutexLock lock(mutex_);
    if (stopping_ && (waiting() == 0 || clock_.Now() >= stop_by_)) return;
    const bool was_stopping = stopping_;
    const SteadyTime until = stopping_ ? std::min({next, stop_by_, clock_.Now() + kFirstPause}) : next;
    // What comes while the store fails waits for its turn.
    while (stopping_ == was_stopping && ((queue_.empty() && left_from_ == 0) || !trouble_.empty()) &&
           clock_.Now() < until) {
      changed_.WaitUntil(mutex_, until);
    }
  }
}

SteadyTime DeadLetters::Work() {
  const SteadyTime now = clock_.Now();
  {
    MutexLock lock(mutex_);
    if (now < retry_at_ && !stopping_) return retry_at_;
  }
  while (true) {
    if (current_.empty() && !NextAlone()) {
      if (mark_) mark_->Some();
      const absl::StatusOr<bool> found = Fetch();
      if (!found.ok()) {
        if (mark_) mark_->None();
        Failed(found.status(), now);
        return retry_at_;
      }
      if (!*found) break;
      std::erase_if(current_, [this](const Pending& pending) { return LeavesOut(pending); });
      if (mark_ && mark_->careful()) {
        std::ranges::move(current_, std::back_inserter(one_by_one_));
        current_.clear();
      }
      if (current_.empty()) continue;
    }
    if (absl::Status status = WriteCurrent(); !status.ok()) {
      Failed(status, now);
      return retry_at_;
    }
    Done();
  }
  if (mark_) mark_->None();
  if (now >= expire_at_) {
    // Not worth a retry of its own: the next comes soon.
    if (absl::Status status = store_.Expire(); !status.ok()) {
      log::Warning("old dead letters could not be let go", {{"error", status.ToString()}});
    }
    expire_at_ = now + kExpireEvery;
  }
  return expire_at_;
}

absl::StatusOr<bool> DeadLetters::Fetch() {
  // What an earlier process left goes first; what this one left in the journal behind what it holds in memory.
  if (recovered_ && FetchQueued()) return true;
  absl::StatusOr<bool> found = FetchJournaled();
  if (!found.ok() || *found) return found;
  recovered_ = true;
  return FetchQueued();
}

bool DeadLetters::NextAlone() {
  if (one_by_one_.empty()) return false;
  current_.push_back(std::move(one_by_one_.front()));
  one_by_one_.pop_front();
  // Of QoS 0 nothing is there for another process to die over.
  current_.front().record == 0 ? mark_->Some() : mark_->One(current_.front().record);
  return true;
}

bool DeadLetters::LeavesOut(const Pending& pending) {
  const uint32_t deaths = mark_ && pending.record != 0 ? mark_->Deaths(pending.record) : 0;
  if (deaths < CrashMarks::kMostDeaths) return false;
  left_out_.Add();
  log::Error("a dead letter stays in the journal: the gateway has ended each time it wrote it to the database",
             {{"record", pending.record},
              {"chain", pending.letter.chain},
              {"topic", pending.letter.message->topic},
              {"bytes", static_cast<int64_t>(pending.bytes)},
              {"reason", pending.letter.reason}});
  // A message was found in the journal and counts in no bound. A reply was refused again.
  if (pending.counted) level_.Remove({.messages = 1, .bytes = pending.bytes});
  return true;
}

bool DeadLetters::FetchQueued() {
  MutexLock lock(mutex_);
  size_t bytes = 0;
  size_t count = 0;
  while (count < queue_.size() && count < kBatchMessages && bytes < kBatchBytes) bytes += queue_[count++].bytes;
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
  current_.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  return !current_.empty();
}

bool DeadLetters::Reads() {
  MutexLock lock(mutex_);
  if (!reading_ && left_from_ != 0) {
    reading_ = true;
    read_after_ = std::exchange(left_from_, 0) - 1;
  }
  return reading_;
}

absl::StatusOr<bool> DeadLetters::FetchJournaled() {
  while (Reads()) {
    absl::StatusOr<std::vector<RecoveredDeadLetter>> page = read_journaled_(read_after_);
    if (!page.ok()) return page.status();
    MutexLock lock(mutex_);
    if (page->empty()) {
      reading_ = false;
      continue;
    }
    read_after_ = page->back().message.record;
    for (RecoveredDeadLetter& letter : *page) {
      if (!held_.contains(letter.message.record)) current_.push_back(FromJournal(std::move(letter)));
    }
    if (!current_.empty()) return true;
  }
  return false;
}

DeadLetters::Pending DeadLetters::FromJournal(RecoveredDeadLetter recovered) const {
  RecoveredMessage& message = recovered.message;
  Pending pending;
  pending.counted = false;
  pending.record = message.record;
  pending.route = names_.route(message.route);
  pending.chain = names_.chain(message.chain);
  pending.letter = {.kind = StoredLetter::Kind::kMessage,
                    .id = message.id,
                    .connection = std::move(message.connection),
                    .route = std::move(message.route),
                    .chain = std::move(message.chain),
                    .start_node = std::move(message.start_node),
                    .message = std::move(message.message),
                    .died_unix_ms = recovered.unix_ms,
                    .attempts = message.attempts,
                    .reason = std::move(recovered.reason),
                    .worker = std::move(recovered.worker)};
  return pending;
}

absl::Status DeadLetters::WriteCurrent() {
  if (!stored_) {
    for (const Pending& pending : current_) {
      if (look_) look_(*pending.letter.message);
    }
    // By value, since the store sees letters only. The messages are shared.
    std::vector<StoredLetter> letters;
    letters.reserve(current_.size());
    for (const Pending& pending : current_) letters.push_back(pending.letter);
    if (absl::Status status = store_.Put(letters); !status.ok()) return status;
    stored_ = true;
  }
  std::vector<RecordId> records;
  std::vector<RecordId> confirmed;
  std::vector<OutboxEntry> entries;
  std::vector<OutboxItem> items;
  for (const Pending& pending : current_) {
    if (pending.record != 0) (pending.reply ? confirmed : records).push_back(pending.record);
    if (pending.route == nullptr || pending.chain == nullptr) continue;
    const ChainOptions& options = pending.chain->options();
    if (options.dead_letter_topic.empty()) continue;
    const std::shared_ptr<const MqttOptions> connection = names_.connection(pending.route->connection);
    if (connection == nullptr) continue;
    entries.push_back({.message = PublicationOf(pending.letter, options, connection->mqtt5),
                       .record = 0,
                       .connection = pending.route->connection});
    items.push_back({.route = pending.route,
                     .entry = {},
                     .wait_for_connection = true,
                     .origin = {.results = {}, .chain = pending.chain, .message_id = pending.letter.id}});
  }
  if (!records.empty() || !entries.empty()) {
    if (absl::Status status = journal_.Settle(records, entries); !status.ok()) return status;
  }
  if (!confirmed.empty()) journal_.Confirm(confirmed);
  for (size_t i = 0; i < entries.size(); ++i) items[i].entry = std::move(entries[i]);
  if (!items.empty()) outbox_.Send(std::move(items));
  return absl::OkStatus();
}

void DeadLetters::Done() {
  Fill done;
  {
    MutexLock lock(mutex_);
    for (const Pending& pending : current_) {
      if (pending.counted && !pending.reply) held_.erase(pending.record);
    }
  }
  for (const Pending& pending : current_) {
    if (!pending.counted) continue;
    ++done.messages;
    done.bytes += pending.bytes;
  }
  if (pause_.count() != 0) log::Info("dead letters can be written again");
  pause_ = Millis(0);
  retry_at_ = {};
  stored_ = false;
  current_.clear();
  if (mark_) mark_->None();
  level_.Remove(done);
  MutexLock lock(mutex_);
  trouble_.clear();
  if (waiting() == 0) written_.NotifyAll();
}

void DeadLetters::Failed(const absl::Status& status, SteadyTime now) {
  failures_.Add();
  pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
  retry_at_ = now + pause_;
  std::string trouble = status.ToString();
  {
    MutexLock lock(mutex_);
    trouble_ = trouble;
  }
  if (!log_limit_.Admit("dead letters cannot be written", "")) return;
  log::Error("dead letters cannot be written: they stay in the journal, and it is tried again",
             {{"error", trouble},
              {"what", stored_ ? "the journal, which is to end them" : "their database"},
              {"waiting", waiting()},
              {"retry_in_seconds", std::chrono::duration<double>(pause_).count()}});
}

}  // namespace sluice
