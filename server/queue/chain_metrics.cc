#include "server/queue/chain_metrics.h"

#include "server/queue/verdict.h"
#include "server/route/dropped.h"

namespace sluice {
namespace {

// One counter per value of the label, in the order of the enumeration.
template <size_t N>
std::array<Counter*, N> PerValue(MetricsRegistry& registry, std::string_view name, std::string_view help,
                                 const std::string& chain, std::string_view label,
                                 const std::array<std::string_view, N>& values) {
  std::array<Counter*, N> counters{};
  for (size_t i = 0; i < N; ++i) {
    counters[i] = &registry.GetCounter(name, help, {{"chain", chain}, {std::string(label), std::string(values[i])}});
  }
  return counters;
}

}  // namespace

ChainMetrics::ChainMetrics(MetricsRegistry& registry, const std::string& chain, const ChainOptions& options) {
  deliveries_metric_ = &registry.GetCounter(
      "sluice_deliveries_total", "Deliveries handed to worker streams; each attempt counts.", {{"chain", chain}});
  settled_metric_ = PerValue<4>(registry, "sluice_settled_total", "Deliveries settled by workers, by outcome.", chain,
                                "outcome", kVerdictNames);
  returned_metric_ = PerValue<6>(
      registry, "sluice_redelivered_total",
      "Deliveries that go back into their queue, by reason: the worker's retry, a lease that ended, a stream lost with "
      "the message or before it was sent, the deadline of a drain, or waiting in a worker for too long.",
      chain, "reason", {"retry", "lease_expired", "lost_worker", "undelivered", "drain", "not_begun"});
  lost_metric_ = PerValue<4>(registry, "sluice_messages_dropped_total", kMessagesDroppedHelp, chain, "reason",
                             {"queue_full", "expired", "lease_expired", "lost_worker"});
  dead_metric_ = PerValue<4>(registry, "sluice_dead_letters_total", kDeadLettersHelp, chain, "reason_kind",
                             {"rejected", "retry", "lease_expired", "lost_worker"});
  // Counted by the recovery, before anything is delivered.
  registry.GetCounter("sluice_dead_letters_total", kDeadLettersHelp,
                      {{"chain", chain}, {"reason_kind", "gateway_killed"}});
  backlog_.gauge = &registry.GetGauge(
      "sluice_backlog_messages", "Messages that wait, in memory or on disk, or are in flight; scale workers on it.",
      {{"chain", chain}});
  waiting_.gauge =
      &registry.GetGauge("sluice_queue_messages", "Messages that wait for a worker in memory.", {{"chain", chain}});
  waiting_bytes_.gauge =
      &registry.GetGauge("sluice_queue_bytes", "Bytes (topic, payload, properties) of messages that wait for a worker.",
                         {{"chain", chain}});
  in_flight_.gauge = &registry.GetGauge("sluice_in_flight_messages",
                                        "Messages delivered to a worker and not yet settled.", {{"chain", chain}});
  on_disk_.gauge =
      &registry.GetGauge("sluice_on_disk_messages",
                         "Messages that wait in the journal for room in their chain's queue.", {{"chain", chain}});
  on_disk_bytes_.gauge =
      &registry.GetGauge("sluice_on_disk_bytes", "The same in bytes (topic, payload, properties).", {{"chain", chain}});
  on_disk_full_.gauge = &registry.GetGauge(
      "sluice_on_disk_full", "1: so much waits in the journal as the chain may, and the connections that feed it rest.",
      {{"chain", chain}});
  oldest_ = &registry.GetAgeGauge("sluice_oldest_message_seconds",
                                  "Age, since it was received, of the oldest message that waits or is in flight; 0: "
                                  "there is none.",
                                  {{"chain", chain}});
  queue_time_ = &registry.GetHistogram("sluice_queue_seconds", "Time from receiving a message to its first delivery.",
                                       {{"chain", chain}});
  settle_time_ = &registry.GetHistogram(
      "sluice_settle_seconds", "Time from receiving a message to its acknowledgement by a worker.", {{"chain", chain}});
  answer_time_ = &registry.GetHistogram(
      "sluice_end_to_end_seconds",
      "Time from receiving a message to the broker's confirmation of a reply to it (QoS 0: written to the socket).",
      {{"chain", chain}});
  ShowLimits(registry, chain, options);
}

void ChainMetrics::ShowLimits(MetricsRegistry& registry, const std::string& chain, const ChainOptions& options) {
  const auto limit = [&](std::string_view name, std::string_view help, size_t value) {
    registry.GetGauge(name, help, {{"chain", chain}}).Set(static_cast<int64_t>(value));
  };
  limit("sluice_queue_limit_messages", "Bound of sluice_queue_messages (queue.maxMessages).", options.max_messages);
  limit("sluice_queue_limit_bytes", "Bound of sluice_queue_bytes (queue.maxBytes).", options.max_bytes);
  limit("sluice_on_disk_limit_messages",
        "Bound of sluice_on_disk_messages (backlog.maxMessages); 0: as much as all chains together leave free of "
        "sluice_journal_limit_messages.",
        options.max_on_disk_messages);
  limit("sluice_on_disk_limit_bytes",
        "Bound of sluice_on_disk_bytes (backlog.maxBytes); 0: as much as all chains together leave free of "
        "sluice_journal_limit_bytes.",
        options.max_on_disk_bytes);
}

void ChainMetrics::Forget(MetricsRegistry& registry, const std::string& chain) {
  static constexpr std::string_view kFamilies[] = {"sluice_deliveries_total",     "sluice_settled_total",
                                                   "sluice_redelivered_total",    "sluice_messages_dropped_total",
                                                   "sluice_dead_letters_total",   "sluice_backlog_messages",
                                                   "sluice_queue_messages",       "sluice_queue_bytes",
                                                   "sluice_in_flight_messages",   "sluice_on_disk_messages",
                                                   "sluice_queue_seconds",        "sluice_settle_seconds",
                                                   "sluice_end_to_end_seconds",   "sluice_oldest_message_seconds",
                                                   "sluice_queue_limit_messages", "sluice_queue_limit_bytes",
                                                   "sluice_on_disk_bytes",        "sluice_on_disk_limit_messages",
                                                   "sluice_on_disk_full",         "sluice_on_disk_limit_bytes"};
  registry.Remove(kFamilies, "chain", chain);
}

void ChainMetrics::Publish(size_t waiting, size_t waiting_bytes, size_t in_flight, size_t on_disk) {
  if (deliveries_ != 0) deliveries_metric_->Add(deliveries_);
  deliveries_ = 0;
  for (size_t i = 0; i < settled_.size(); ++i) {
    if (settled_[i] != 0) settled_metric_[i]->Add(settled_[i]);
    settled_[i] = 0;
  }
  queue_time_run_.Flush();
  settle_time_run_.Flush();
  backlog_.Set(on_disk + waiting + in_flight);
  waiting_.Set(waiting);
  waiting_bytes_.Set(waiting_bytes);
  in_flight_.Set(in_flight);
  on_disk_.Set(on_disk);
}

}  // namespace sluice
