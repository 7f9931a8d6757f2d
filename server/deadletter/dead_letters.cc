#include "server/deadletter/dead_letters.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/telemetry/log.h"

namespace sluice {

DeadLetters::DeadLetters(const Clock& clock, Journal& journal, Outbox& outbox, LetterSink& store, DeadLetterNames names,
                         DeadLetterBacklog backlog, MetricsRegistry& metrics, std::function<void(bool)> on_full)
    : clock_(clock),
      journal_(journal),
      outbox_(outbox),
      store_(store),
      names_(std::move(names)),
      backlog_(backlog),
      log_limit_(clock, {.burst = 1, .interval = Millis(1'000)}),
      refused_(RefusedCounter(metrics, "dead_letter")),
      failures_(metrics.GetCounter("sluice_dead_letter_write_failures_total",
                                   "Attempts to write dead letters to their database, or to end them in the journal, "
                                   "that failed; they are repeated")),
      left_out_(LeftOutAfterCrashes(metrics, "dead_letters")),
      level_({.messages = backlog.max_messages, .bytes = backlog.max_bytes}, std::move(on_full)) {
  metrics.AddCallbackGauge("sluice_dead_letters_waiting", "Dead letters that are not in the database yet", {},
                           [this] { return static_cast<double>(waiting()); });
}

DeadLetters::~DeadLetters() { Stop(clock_.Now()); }

void DeadLetters::Start(ReadJournaled read) {
  SetJournaled(std::move(read));
  thread_ = std::thread([this] { Run(); });
}

void DeadLetters::SetJournaled(ReadJournaled read) {
  read_journaled_ = std::move(read);
  recovered_ = false;
  MutexLock lock(mutex_);
  reading_ = journaled_ = read_journaled_ != nullptr;
}

size_t DeadLetters::Stop(SteadyTime deadline) {
  if (thread_.joinable()) {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      stop_by_ = deadline;
      changed_.NotifyAll();
    }
    thread_.join();
  }
  return waiting();
}

void DeadLetters::Flush(SteadyTime deadline) {
  MutexLock lock(mutex_);
  while (waiting() > 0 && clock_.Now() < deadline) written_.WaitUntil(mutex_, deadline);
}

void DeadLetters::Take(std::vector<DeadLetter> letters) {
  const int64_t unix_ms = clock_.UnixMillis();
  LogTaken(letters.front(), letters.size());
  // Shared, since a function that is handed on can be copied.
  auto pending = std::make_shared<std::vector<Pending>>();
  pending->reserve(letters.size());
  for (DeadLetter& letter : letters) {
    RoutedMessage& routed = letter.message;
    Pending& one = pending->emplace_back();
    one.record = routed.record;
    one.route = routed.route;
    one.chain = routed.chain;
    one.letter = {.kind = StoredLetter::Kind::kMessage,
                  .id = routed.id,
                  .connection = routed.route->connection,
                  .route = routed.route->id,
                  .chain = routed.chain->name,
                  .start_node = std::move(routed.start_node),
                  .message = std::move(routed.message),
                  .died_unix_ms = unix_ms,
                  .attempts = routed.attempts,
                  .reason = std::move(letter.reason),
                  .worker = std::move(letter.worker)};
  }
  {
    // Before they are noted: from then on they may be found in the journal.
    MutexLock lock(mutex_);
    for (const Pending& one : *pending) {
      if (one.record != 0) held_.insert(one.record);
    }
  }
  // At once, so that the bound holds for what waits to be noted, too.
  Count(*pending);
  auto keep = [this, pending] {
    Note(*pending);
    Queue(std::move(*pending));
  };
  if (note_by_) return note_by_(std::move(keep));
  keep();
}

void DeadLetters::Note(std::span<const Pending> letters) {
  std::vector<DeadLetterNote> notes;
  notes.reserve(letters.size());
  for (const Pending& one : letters) {
    if (one.record == 0) continue;
    notes.push_back({.record = one.record,
                     .attempts = one.letter.attempts,
                     .reason = one.letter.reason,
                     .worker = one.letter.worker,
                     .unix_ms = one.letter.died_unix_ms});
  }
  // Without a note the journal holds them as messages: after a crash they are delivered once more.
  if (absl::Status status = notes.empty() ? absl::OkStatus() : journal_.DeadLetter(notes);
      !status.ok() && log_limit_.Admit("dead letters could not be noted", "")) {
    log::Error("dead letters could not be noted in the journal", {{"error", status.ToString()}});
  }
}

void DeadLetters::LogTaken(const DeadLetter& letter, size_t count) {
  if (!log_limit_.Admit("message dead-lettered", "")) return;
  const std::string& topic = letter.message.chain->options().dead_letter_topic;
  log::Warning("message dead-lettered", {{"chain", letter.message.chain->name},
                                         {"message_id", letter.message.id.ToString()},
                                         {"topic", letter.message.message->topic},
                                         {"reason", letter.reason},
                                         {"worker", letter.worker},
                                         {"published_to", topic},
                                         {"more_in_batch", count - 1}});
}

bool DeadLetters::HalfFull(Fill more) const {
  const Fill held = level_.held();
  return (held.messages + more.messages) * 2 > backlog_.max_messages ||
         (held.bytes + more.bytes) * 2 > backlog_.max_bytes;
}

bool DeadLetters::TakesUnroutable() const {
  if (!HalfFull({.messages = 1, .bytes = 1})) return true;
  MutexLock lock(mutex_);
  return journaled_;
}

void DeadLetters::TakeUnroutable(std::vector<Unroutable> letters) {
  Fill more{.messages = letters.size()};
  for (const Unroutable& each : letters) more.bytes += each.message.message->bytes();
  const bool half_full = HalfFull(more);
  {
    MutexLock lock(mutex_);
    if (journaled_ && (half_full || reading_ || left_from_ != 0)) {
      const RecordId first = letters.front().message.record;
      left_from_ = left_from_ == 0 ? first : std::min(left_from_, first);
      changed_.NotifyAll();
      return;
    }
    for (const Unroutable& each : letters) held_.insert(each.message.record);
  }
  std::vector<Pending> pending;
  pending.reserve(letters.size());
  for (Unroutable& each : letters) {
    RoutedMessage& routed = each.message;
    Pending& one = pending.emplace_back();
    one.record = routed.record;
    one.letter.kind = StoredLetter::Kind::kMessage;
    one.letter.id = routed.id;
    one.letter.connection = routed.route->connection;
    one.letter.route = routed.route->id;
    one.letter.message = std::move(routed.message);
    one.letter.died_unix_ms = each.unix_ms;
    one.letter.reason = std::move(each.reason);
  }
  Add(std::move(pending));
}

void DeadLetters::Take(std::vector<RefusedReply> replies) {
  if (replies.empty()) return;
  if (!replies.front().by_gateway) {
    refused_.Add(replies.size());
    LogRefused(log_limit_, replies.front(), replies.size(), "dead_letter");
  }
  const int64_t unix_ms = clock_.UnixMillis();
  std::vector<Pending> pending;
  pending.reserve(replies.size());
  for (RefusedReply& reply : replies) {
    Pending& one = pending.emplace_back();
    one.record = reply.record;
    one.reply = true;
    one.letter.kind = StoredLetter::Kind::kReply;
    one.letter.id = NextMessageId(unix_ms);
    one.letter.connection = std::move(reply.connection);
    one.letter.answers = reply.message_id;
    one.letter.route = std::move(reply.route);
    one.letter.chain = std::move(reply.chain);
    one.letter.message = MessageOf(reply.message);
    one.letter.died_unix_ms = unix_ms;
    one.letter.attempts = 1;
    one.letter.reason = std::move(reply.reason);
    one.letter.worker = std::move(reply.worker);
    one.place = std::move(reply.place);
  }
  Add(std::move(pending));
}

void DeadLetters::Add(std::vector<Pending> pending) {
  Count(pending);
  Queue(std::move(pending));
}

void DeadLetters::Count(std::vector<Pending>& pending) {
  Fill added{.messages = pending.size()};
  for (Pending& one : pending) {
    one.bytes = one.letter.bytes();
    added.bytes += one.bytes;
  }
  level_.Add(added);
}

void DeadLetters::Queue(std::vector<Pending> pending) {
  MutexLock lock(mutex_);
  std::ranges::move(pending, std::back_inserter(queue_));
  changed_.NotifyAll();
}

std::string DeadLetters::trouble() const {
  MutexLock lock(mutex_);
  return trouble_;
}

}  // namespace sluice
