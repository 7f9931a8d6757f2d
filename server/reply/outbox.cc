#include "server/reply/outbox.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "server/mqtt/backoff.h"
#include "server/reply/outcome.h"
#include "server/reply/result_batches.h"
#include "server/spans/exemplar.h"
#include "server/spans/message_spans.h"
#include "server/tap/tap.h"
#include "server/telemetry/log.h"
#include "server/telemetry/observation_run.h"

namespace sluice {
namespace {

// How often results are checked for their timeout, and refused replies for being due.
constexpr Millis kGranularity{500};

Counter* OutcomeCounterOf(MetricsRegistry& metrics, const char* outcome) {
  return &metrics.GetCounter("sluice_replies_total", "Replies and dead letters handed to a broker, by outcome",
                             {{"outcome", outcome}});
}

// Counts runs of one connection together: usually a batch is one run.
class RunningFill {
 public:
  explicit RunningFill(std::function<void(std::string_view connection, Fill)> count) : count_(std::move(count)) {}
  ~RunningFill() { Flush(); }
  RunningFill(const RunningFill&) = delete;
  RunningFill& operator=(const RunningFill&) = delete;

  void Add(std::string_view connection, size_t bytes) {
    if (connection != connection_) Flush();
    connection_ = connection;
    ++fill_.messages;
    fill_.bytes += bytes;
  }

 private:
  void Flush() {
    if (fill_.messages > 0) count_(connection_, std::exchange(fill_, {}));
  }

  const std::function<void(std::string_view, Fill)> count_;
  std::string_view connection_;
  Fill fill_;
};

}  // namespace

Outbox::Outbox(const Clock& clock, Journal& journal, MetricsRegistry& metrics, OutboxLimits limits,
               ConnectionLevels::OnFull on_full)
    : clock_(clock),
      journal_(journal),
      metrics_(metrics),
      result_timeout_(limits.result_timeout),
      outcome_counters_{OutcomeCounterOf(metrics, "ok"),           OutcomeCounterOf(metrics, "not_connected"),
                        OutcomeCounterOf(metrics, "refused"),      OutcomeCounterOf(metrics, "too_large"),
                        OutcomeCounterOf(metrics, "invalid_qos"),  OutcomeCounterOf(metrics, "expired"),
                        OutcomeCounterOf(metrics, "no_connection")},
      timeouts_(metrics.GetCounter("sluice_reply_results_timed_out_total",
                                   "Replies whose worker was told TIMEOUT; they stay in the outbox")),
      retries_(RefusedCounter(metrics, "retry")),
      log_limit_(clock, {.burst = 5, .interval = Millis(1'000)}),
      bounds_{.messages = limits.max_messages, .bytes = limits.max_bytes},
      levels_({.messages = limits.max_messages, .bytes = limits.max_bytes}, std::move(on_full)),
      random_(static_cast<std::minstd_rand::result_type>(RandomSeed())) {
  metrics.AddCallbackGauge("sluice_outbox_messages", "Replies that no broker has confirmed yet", {},
                           [this] { return static_cast<double>(outstanding()); });
  metrics.AddCallbackGauge("sluice_outbox_bytes",
                           "Bytes (topic, payload, properties) of replies that no broker has confirmed yet", {},
                           [this] { return static_cast<double>(levels_.held().bytes); });
}

void Outbox::AddConnection(const std::string& connection, Publisher& publisher) {
  Counter& bytes = metrics_.GetCounter("sluice_published_bytes_total",
                                       "Bytes (topic, payload, properties) of replies and dead letters that a broker "
                                       "has confirmed.",
                                       {{"connection", connection}});
  Counter& messages =
      metrics_.GetCounter("sluice_published_messages_total", "Replies and dead letters that a broker has confirmed.",
                          {{"connection", connection}});
  const size_t level = levels_.Add(connection);
  {
    MutexLock lock(mutex_);
    if (!connections_.emplace(connection, Target{&publisher, &messages, &bytes, level}).second) return;
  }
  const auto gauge = [&](const char* name, const char* help, auto value) {
    metrics_.AddCallbackGauge(name, help, {{"connection", connection}}, std::move(value));
  };
  gauge("sluice_outbox_connection_messages", "Replies that this connection's broker has not confirmed yet",
        [this, level] { return static_cast<double>(levels_.held(level).messages); });
  gauge("sluice_outbox_connection_bytes", "The same in bytes",
        [this, level] { return static_cast<double>(levels_.held(level).bytes); });
  gauge("sluice_outbox_connection_full",
        "1 while the connection has no room for replies: none of its messages is delivered to workers",
        [this, level] { return levels_.full(level) ? 1.0 : 0.0; });
}

Fill Outbox::published(std::string_view connection) const {
  MutexLock lock(mutex_);
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return {};
  return {.messages = found->second.messages->value(), .bytes = found->second.bytes->value()};
}

void Outbox::Reserve(std::span<const OutboxItem> items, std::span<const DeniedReply> denied) {
  RunningFill taken([this](std::string_view connection, Fill fill) { levels_.Take(connection, fill); });
  for (const OutboxItem& item : items) taken.Add(item.entry.connection, item.entry.message->footprint());
  for (const DeniedReply& reply : denied) taken.Add(reply.entry.connection, reply.entry.message->footprint());
}

uint64_t Outbox::TakeSlot() {
  if (free_.empty()) {
    slots_.emplace_back();
    free_.push_back(slots_.size());
  }
  const uint64_t token = free_.back();
  free_.pop_back();
  return token;
}

void Outbox::FreeSlot(uint64_t token) {
  if (slots_[token - 1].route == nullptr) --recovered_;
  slots_[token - 1] = Slot{};
  free_.push_back(token);
}

void Outbox::Send(std::vector<OutboxItem> items, Places places) {
  // Usually all of a batch go to one connection, so runs are handed over together.
  struct Run {
    Publisher* publisher = nullptr;
    std::vector<Outgoing> messages;
  };
  std::vector<Run> runs;
  const SteadyTime deadline = clock_.Now() + result_timeout_;
  const Connections::value_type* connection = nullptr;
  if (places == Places::kNew) Reserve(items, {});
  if (tap_ != nullptr && tap_->on()) TellReplied(items);
  {
    MutexLock lock(mutex_);
    for (OutboxItem& item : items) {
      if (connection == nullptr || item.entry.connection != connection->first) {
        connection = &*connections_.find(item.entry.connection);
        runs.push_back({connection->second.publisher, {}});
        runs.back().messages.reserve(items.size());
      }
      const uint64_t token = TakeSlot();
      Slot& slot = slots_[token - 1];
      slot.used = true;
      if (item.route == nullptr) ++recovered_;
      slot.wait_for_connection = item.wait_for_connection;
      slot.record = item.entry.record;
      slot.bytes = item.entry.message->footprint();
      slot.level = connection->second.level;
      slot.published_bytes = item.entry.message->bytes();
      slot.deadline = deadline;
      slot.expires = item.entry.message->expires();
      slot.connection = connection;
      slot.route = item.route;
      slot.number = item.number;
      slot.origin = std::move(item.origin);
      runs.back().messages.push_back({token, std::move(item.entry.message), item.wait_for_connection});
    }
  }
  for (Run& run : runs) run.publisher->Publish(std::move(run.messages));
}

std::vector<size_t> Outbox::UnconfirmedOf(std::span<const MessageId> messages) const {
  std::map<std::pair<uint64_t, uint64_t>, size_t> unconfirmed;
  for (const MessageId& id : messages) unconfirmed.emplace(std::pair(id.high, id.low), 0);
  {
    MutexLock lock(mutex_);
    for (const Slot& slot : slots_) {
      if (!slot.used) continue;
      const auto found = unconfirmed.find({slot.origin.message_id.high, slot.origin.message_id.low});
      if (found != unconfirmed.end()) ++found->second;
    }
  }
  std::vector<size_t> counts;
  counts.reserve(messages.size());
  for (const MessageId& id : messages) counts.push_back(unconfirmed.at({id.high, id.low}));
  return counts;
}

const Outbox::Connections::value_type* Outbox::FindConnection(const std::string& name) const {
  MutexLock lock(mutex_);
  const auto found = connections_.find(name);
  return found == connections_.end() ? nullptr : &*found;
}

void Outbox::Recover(std::vector<RecoveredReply> replies) {
  std::vector<OutboxItem> items;
  items.reserve(replies.size());
  std::vector<RefusedReply> refused;
  std::vector<DeniedReply> denied;
  for (RecoveredReply& reply : replies) {
    if (reply.refusal) {
      denied.push_back({.entry = {std::move(reply.message), reply.record, reply.connection},
                        .refusal = *std::move(reply.refusal),
                        .journaled = true});
      continue;
    }
    if (const Connections::value_type* known = FindConnection(reply.connection)) {
      ReplyOrigin origin;
      if (spans_ != nullptr) origin.span = spans_->ResumeReply(*reply.message);
      items.push_back({.route = nullptr,
                       .entry = {std::move(reply.message), reply.record, known->first},
                       .wait_for_connection = true,
                       .origin = std::move(origin)});
      continue;
    }
    std::string reason = "connection '" + reply.connection + "' is not configured any more";
    refused.push_back({.record = reply.record,
                       .connection = std::move(reply.connection),
                       .message = std::move(reply.message),
                       .reason = std::move(reason),
                       .message_id = {},
                       .route = {},
                       .chain = {},
                       .worker = {},
                       .place = nullptr});
  }
  if (!items.empty()) Send(std::move(items));
  if (!denied.empty()) KeepDenied(std::move(denied));
  if (refused.empty()) return;
  if (refused_ == nullptr) {
    LogRefused(log_limit_, refused.front(), refused.size(), "left in the journal");
    return;
  }
  Fill places;
  for (const RefusedReply& reply : refused) {
    ++places.messages;
    places.bytes += reply.message->footprint();
  }
  levels_.Take(kNoConnection, places);
  HandOver(std::move(refused), *refused_, /*known=*/false);
}

void Outbox::KeepDenied(std::vector<DeniedReply> replies, Places places) {
  if (denied_ == nullptr) {
    if (places == Places::kReserved) {
      RunningFill free(
          [this](std::string_view connection, Fill fill) { levels_.Release(levels_.Number(connection), fill); });
      for (const DeniedReply& reply : replies) free.Add(reply.entry.connection, reply.entry.message->footprint());
    }
    std::vector<RecordId> records;
    for (const DeniedReply& reply : replies) {
      if (reply.entry.record != 0) records.push_back(reply.entry.record);
    }
    if (!records.empty()) journal_.Confirm(records);
    return;
  }
  if (places == Places::kNew) Reserve({}, replies);
  std::vector<RefusedReply> kept;
  kept.reserve(replies.size());
  for (DeniedReply& reply : replies) {
    kept.push_back({.record = reply.entry.record,
                    .connection = std::string(reply.entry.connection),
                    .message = std::move(reply.entry.message),
                    .reason = std::move(reply.refusal.reason),
                    .message_id = reply.refusal.message_id,
                    .route = std::move(reply.refusal.route),
                    .chain = std::move(reply.refusal.chain),
                    .worker = std::move(reply.refusal.worker),
                    .by_gateway = true,
                    .place = nullptr});
  }
  HandOver(std::move(kept), *denied_);
}

void Outbox::Count(const Connections::value_type* connection, Fill published) {
  if (connection == nullptr) return;
  connection->second.messages->Add(published.messages);
  connection->second.bytes->Add(published.bytes);
}

void Outbox::OnOutcomes(std::span<const PublishOutcome> outcomes) {
  const bool tells = tap_ != nullptr && tap_->on();
  std::vector<Told> told;
  std::vector<Traced> traced;
  std::vector<RecordId> confirmed;
  confirmed.reserve(outcomes.size());
  std::vector<RefusedReply> refused;
  std::vector<RefusedReply> retried;  // The first, for the log.
  size_t retries = 0;
  ResultBatches results;
  absl::InlinedVector<std::pair<size_t, Fill>, 1> done;  // By level, the places that are free.
  const SteadyTime now = clock_.Now();
  ObservationRun answer_times;
  const Connections::value_type* confirmed_by = nullptr;
  Fill published;
  {
    MutexLock lock(mutex_);
    for (const PublishOutcome& outcome : outcomes) {
      Slot& slot = slots_[outcome.token - 1];
      if (tells && tap_->Wants(slot.origin.message_id)) told.push_back(ToTell(slot, outcome));
      if (outcome.code == PublishOutcome::Code::kOk) {
        if (slot.connection != confirmed_by)
          Count(std::exchange(confirmed_by, slot.connection), std::exchange(published, {}));
        ++published.messages;
        published.bytes += slot.published_bytes;
        if (slot.origin.answer_time != nullptr) {
          const int64_t nanos = (now - slot.origin.received).count();
          answer_times.Observe(*slot.origin.answer_time, nanos);
          if (slot.origin.span != nullptr)
            slot.origin.answer_time->Exemplify(ExemplarOf(slot.origin.span->trace, nanos, now));
        }
      }
      const bool again = IsRefusal(outcome.code) && refused_ == nullptr;
      if (slot.origin.span != nullptr && !again) {
        traced.push_back({.span = std::move(slot.origin.span),
                          .connection = slot.connection == nullptr ? std::string_view() : slot.connection->first,
                          .chain = slot.origin.chain,
                          .why = outcome.code == PublishOutcome::Code::kOk ? std::string() : Explain(outcome)});
      }
      // A worker that did not ask is told of failures only.
      if (!slot.told && (slot.origin.reply_id != 0 || outcome.code != PublishOutcome::Code::kOk)) {
        if (auto sink = slot.origin.results.lock()) {
          results.Add(std::move(sink), {slot.origin.reply_id, slot.origin.delivery_id, ToResultCode(outcome.code),
                                        outcome.mqtt_reason_code, Explain(outcome)});
        }
      }
      if (!IsRefusal(outcome.code)) {
        if (slot.record != 0) confirmed.push_back(slot.record);
        if (done.empty() || done.back().first != slot.level) done.emplace_back(slot.level, Fill{});
        ++done.back().second.messages;
        done.back().second.bytes += slot.bytes;
        FreeSlot(outcome.token);
      } else if (again) {
        if (++retries == 1) retried.push_back(Describe(slot, outcome));
        RetryLater(slot, outcome);
      } else {
        refused.push_back(Describe(slot, outcome));
        FreeSlot(outcome.token);
      }
    }
  }
  if (!told.empty()) TellConfirmed(told);
  if (!traced.empty()) EndSpans(traced);
  answer_times.Flush();
  Count(confirmed_by, published);
  for (const PublishOutcome& outcome : outcomes) OutcomeCounter(outcome.code).Add();
  if (retries > 0) {
    retries_.Add(retries);
    LogRefused(log_limit_, retried.front(), retries, "retry");
  }
  if (!confirmed.empty()) journal_.Confirm(confirmed);
  results.Send();
  for (const auto& [level, places] : done) levels_.Release(level, places);
  if (!refused.empty()) HandOver(std::move(refused), *refused_);
}

// ------------------------------------------------------------------------------------------------ time and bounds

SteadyTime Outbox::Tick(SteadyTime now) {
  PublishAgain(now);
  return TellTimeouts(now);
}

SteadyTime Outbox::TellTimeouts(SteadyTime now) {
  ResultBatches results;
  std::set<Publisher*> with_expired;
  SteadyTime next = kNever;
  {
    MutexLock lock(mutex_);
    for (Slot& slot : slots_) {
      if (slot.used && slot.expires <= now) {
        slot.expires = kNever;
        with_expired.insert(slot.connection->second.publisher);
      }
      if (!slot.used || slot.told || slot.origin.reply_id == 0) continue;
      if (slot.deadline > now) {
        next = std::min(next, slot.deadline);
        continue;
      }
      slot.told = true;
      timeouts_.Add();
      if (auto sink = slot.origin.results.lock()) {
        results.Add(std::move(sink), {slot.origin.reply_id, slot.origin.delivery_id, ItemResult::Code::kTimeout, 0,
                                      "the broker has not confirmed the reply in time"});
      }
    }
  }
  results.Send();
  // What has not been sent yet has its outcome then.
  for (Publisher* publisher : with_expired) publisher->DropExpired();
  // New replies come without waking the ticker: look again soon enough to be fair to them.
  return std::min(next, now + kGranularity);
}

}  // namespace sluice
