#include "server/reply/outbox.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

// How often results are checked for their timeout.
constexpr Millis kTimeoutGranularity{500};

ItemResult::Code ToResultCode(PublishOutcome::Code code) {
  switch (code) {
    case PublishOutcome::Code::kOk:
      return ItemResult::Code::kOk;
    case PublishOutcome::Code::kNotConnected:
      return ItemResult::Code::kNotConnected;
    case PublishOutcome::Code::kRefused:
      return ItemResult::Code::kRefused;
    case PublishOutcome::Code::kTooLarge:
      return ItemResult::Code::kTooLarge;
    case PublishOutcome::Code::kInvalidQos:
      return ItemResult::Code::kInvalidQos;
  }
  return ItemResult::Code::kInvalid;
}

const char* Explain(PublishOutcome::Code code) {
  switch (code) {
    case PublishOutcome::Code::kOk:
      return "";
    case PublishOutcome::Code::kNotConnected:
      return "the broker is not connected; a reply of QoS 0 is not kept";
    case PublishOutcome::Code::kRefused:
      return "the broker refused the reply";
    case PublishOutcome::Code::kTooLarge:
      return "the reply is larger than the broker takes";
    case PublishOutcome::Code::kInvalidQos:
      return "the QoS is above what the broker takes";
  }
  return "";
}

// Results gathered for several streams, sent with one call each.
class ResultBatches {
 public:
  void Add(std::shared_ptr<ResultSink> sink, ItemResult result) {
    if (sinks_.empty() || sinks_.back().first != sink) sinks_.emplace_back(std::move(sink), std::vector<ItemResult>());
    sinks_.back().second.push_back(std::move(result));
  }
  void Send() {
    for (auto& [sink, results] : sinks_) sink->SendResults(std::move(results));
  }

 private:
  std::vector<std::pair<std::shared_ptr<ResultSink>, std::vector<ItemResult>>> sinks_;
};

Counter* OutcomeCounterOf(MetricsRegistry& metrics, const char* outcome) {
  return &metrics.GetCounter("sluice_replies_total", "Replies and dead letters handed to a broker, by outcome",
                             {{"outcome", outcome}});
}

}  // namespace

Outbox::Outbox(const Clock& clock, Journal& journal, MetricsRegistry& metrics, OutboxLimits limits,
               std::function<void(bool)> on_full)
    : clock_(clock),
      journal_(journal),
      limits_(limits),
      on_full_(std::move(on_full)),
      outcome_counters_{OutcomeCounterOf(metrics, "ok"), OutcomeCounterOf(metrics, "not_connected"),
                        OutcomeCounterOf(metrics, "refused"), OutcomeCounterOf(metrics, "too_large"),
                        OutcomeCounterOf(metrics, "invalid_qos")},
      timeouts_(metrics.GetCounter("sluice_reply_results_timed_out_total",
                                   "Replies whose worker was told TIMEOUT; they stay in the outbox")) {
  metrics.AddCallbackGauge("sluice_outbox_messages", "Replies that no broker has confirmed yet", {},
                           [this] { return static_cast<int64_t>(outstanding()); });
}

void Outbox::AddConnection(const std::string& connection, Publisher& publisher) {
  publishers_.emplace(connection, &publisher);
}

void Outbox::Send(std::vector<OutboxItem> items) {
  // Usually all of a batch go to one connection, so runs are handed over together.
  Publisher* publisher = nullptr;
  std::string_view connection;
  std::vector<Outgoing> run;
  auto hand_over = [&] {
    if (!run.empty()) publisher->Publish(std::move(run));
    run.clear();
  };
  SteadyTime deadline = clock_.Now() + limits_.result_timeout;
  Edge edge = Edge::kNone;
  std::vector<uint64_t> tokens;
  tokens.reserve(items.size());
  {
    MutexLock lock(mutex_);
    for (OutboxItem& item : items) {
      if (free_.empty()) {
        slots_.emplace_back();
        free_.push_back(slots_.size());
      }
      uint64_t token = free_.back();
      free_.pop_back();
      size_t bytes = item.entry.message->bytes();
      slots_[token - 1] = Slot{true, false, item.entry.record, bytes, deadline, std::move(item.origin)};
      ++messages_;
      bytes_ += bytes;
      tokens.push_back(token);
    }
    edge = UpdateFull();
  }
  Tell(edge);
  for (size_t i = 0; i < items.size(); ++i) {
    OutboxItem& item = items[i];
    if (item.route->connection != connection) {
      hand_over();
      connection = item.route->connection;
      publisher = publishers_.find(connection)->second;
    }
    run.push_back({tokens[i], std::move(item.entry.message), item.wait_for_connection});
  }
  hand_over();
}

void Outbox::OnOutcomes(std::span<const PublishOutcome> outcomes) {
  std::vector<RecordId> confirmed;
  confirmed.reserve(outcomes.size());
  ResultBatches results;
  Edge edge = Edge::kNone;
  {
    MutexLock lock(mutex_);
    for (const PublishOutcome& outcome : outcomes) {
      Slot& slot = slots_[outcome.token - 1];
      if (slot.record != 0) confirmed.push_back(slot.record);
      // A worker that did not ask is told of failures only.
      bool tell = !slot.timed_out && (slot.origin.reply_id != 0 || outcome.code != PublishOutcome::Code::kOk);
      if (tell) {
        if (auto sink = slot.origin.results.lock()) {
          results.Add(std::move(sink), {slot.origin.reply_id, slot.origin.delivery_id, ToResultCode(outcome.code),
                                        outcome.mqtt_reason_code, Explain(outcome.code)});
        }
      }
      --messages_;
      bytes_ -= slot.bytes;
      slot = Slot{};
      free_.push_back(outcome.token);
    }
    edge = UpdateFull();
  }
  for (const PublishOutcome& outcome : outcomes) OutcomeCounter(outcome.code).Add();
  if (!confirmed.empty()) journal_.Confirm(confirmed);
  results.Send();
  Tell(edge);
}

SteadyTime Outbox::Tick(SteadyTime now) {
  ResultBatches results;
  SteadyTime next = kNever;
  {
    MutexLock lock(mutex_);
    for (Slot& slot : slots_) {
      if (!slot.used || slot.timed_out || slot.origin.reply_id == 0) continue;
      if (slot.deadline > now) {
        next = std::min(next, slot.deadline);
        continue;
      }
      slot.timed_out = true;
      timeouts_.Add();
      if (auto sink = slot.origin.results.lock()) {
        results.Add(std::move(sink), {slot.origin.reply_id, slot.origin.delivery_id, ItemResult::Code::kTimeout, 0,
                                      "the broker has not confirmed the reply in time"});
      }
    }
  }
  results.Send();
  // New replies come without waking the ticker: look again soon enough to be fair to them.
  return std::min(next, now + kTimeoutGranularity);
}

size_t Outbox::outstanding() const {
  MutexLock lock(mutex_);
  return messages_;
}

Outbox::Edge Outbox::UpdateFull() {
  if (!full_ && (messages_ >= limits_.max_messages || bytes_ >= limits_.max_bytes)) {
    full_ = true;
    return Edge::kFull;
  }
  if (full_ && messages_ <= limits_.max_messages / 2 && bytes_ <= limits_.max_bytes / 2) {
    full_ = false;
    return Edge::kRelieved;
  }
  return Edge::kNone;
}

void Outbox::Tell(Edge edge) {
  if (edge == Edge::kNone) return;
  MutexLock tell_lock(tell_mutex_);
  // Two edges may arrive here in either order; what counts is how it stands now.
  bool full = false;
  {
    MutexLock lock(mutex_);
    full = full_;
  }
  if (full == told_full_) return;
  told_full_ = full;
  on_full_(full);
}

}  // namespace sluice
