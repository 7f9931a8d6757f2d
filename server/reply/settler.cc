#include "server/reply/settler.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr char kStaleMessage[] =
    "the delivery is not in flight on this stream: unknown, settled, or its lease was lost";

ItemResult Stale(uint64_t reply_id, uint64_t delivery_id) {
  return {reply_id, delivery_id, ItemResult::Code::kStale, 0, kStaleMessage};
}

Counter& NotSent(MetricsRegistry& metrics, const char* reason) {
  return metrics.GetCounter("sluice_replies_not_sent_total", "Replies that were not handed to a broker, by reason",
                            {{"reason", reason}});
}

}  // namespace

Settler::Settler(Dispatcher& dispatcher, Journal& journal, Outbox& outbox, ReplyRules rules, MetricsRegistry& metrics)
    : dispatcher_(dispatcher),
      journal_(journal),
      outbox_(outbox),
      rules_(std::move(rules)),
      refused_(NotSent(metrics, "refused")),
      without_topic_(NotSent(metrics, "no_topic")),
      stale_(NotSent(metrics, "stale")) {}

void Settler::OnReplies(SessionId session, std::vector<WorkerReply> replies,
                        const std::shared_ptr<ResultSink>& results) {
  std::vector<uint64_t> ids;
  ids.reserve(replies.size());
  for (const WorkerReply& reply : replies) ids.push_back(reply.delivery_id);
  std::vector<std::optional<Dispatcher::InFlightInfo>> infos = dispatcher_.Peek(session, ids);
  Batch batch;
  for (size_t i = 0; i < replies.size(); ++i) {
    if (!infos[i]) {
      stale_.Add();
      batch.results.push_back(Stale(replies[i].reply_id, replies[i].delivery_id));
      continue;
    }
    Decide(replies[i], replies[i].delivery_id, *infos[i]->message, *infos[i]->route, results, batch);
  }
  if (absl::Status status = Commit(batch, results); !status.ok()) {
    log::Error("replies could not be journaled", {{"error", status.ToString()}});
  }
}

void Settler::OnSettles(SessionId session, std::vector<WorkerSettle> settles,
                        const std::shared_ptr<ResultSink>& results) {
  std::vector<uint64_t> ids;
  ids.reserve(settles.size());
  for (const WorkerSettle& settle : settles) ids.push_back(settle.delivery_id);
  std::vector<std::optional<Dispatcher::Claimed>> claims = dispatcher_.Claim(session, ids);

  Batch batch;
  batch.ended.reserve(settles.size());
  std::vector<Dispatcher::Finished> finished;
  finished.reserve(settles.size());
  for (size_t i = 0; i < settles.size(); ++i) {
    WorkerSettle& settle = settles[i];
    if (!claims[i]) {
      batch.results.push_back(Stale(0, settle.delivery_id));
      stale_.Add(settle.replies.size());
      for (const WorkerReply& reply : settle.replies) {
        if (reply.reply_id != 0) batch.results.push_back(Stale(reply.reply_id, settle.delivery_id));
      }
      continue;
    }
    Dispatcher::Claimed& claimed = *claims[i];
    for (WorkerReply& reply : settle.replies) {
      Decide(reply, settle.delivery_id, *claimed.message.message, *claimed.message.route, results, batch);
    }
    // RETRY keeps the record; REJECT's ends with the dead letter.
    if (settle.verdict == Verdict::kAck || settle.verdict == Verdict::kDrop) {
      batch.ended.push_back(claimed.message.record);
    }
    finished.push_back({std::move(claimed), settle.verdict, settle.retry_after, std::move(settle.reason)});
  }
  if (absl::Status status = Commit(batch, results); !status.ok()) {
    log::Error("settles could not be journaled; their messages are delivered again", {{"error", status.ToString()}});
    for (Dispatcher::Finished& item : finished) {
      item.verdict = Verdict::kRetry;
      item.reason = "the gateway could not write its journal";
    }
  }
  dispatcher_.Finish(session, std::move(finished));
}

void Settler::Decide(WorkerReply& reply, uint64_t delivery_id, const Message& message, const Route& route,
                     const std::shared_ptr<ResultSink>& sink, Batch& batch) {
  ReplyDecision decision = DecideReply(reply, message, route, rules_);
  if (auto* refused = std::get_if<ReplyRefused>(&decision)) {
    refused_.Add();
    batch.results.push_back({reply.reply_id, delivery_id, refused->code, 0, std::move(refused->message)});
    return;
  }
  if (std::holds_alternative<NothingToPublish>(decision)) {
    without_topic_.Add();
    if (reply.reply_id != 0) batch.results.push_back({reply.reply_id, delivery_id, ItemResult::Code::kOk, 0, {}});
    return;
  }
  auto& outbound = std::get<std::unique_ptr<OutboundMessage>>(decision);
  // A reply of QoS 0 to a message the gateway answers for waits like the others; to one of QoS 0 it may be lost.
  bool wait = message.qos != Qos::kAtMostOnce;
  batch.replies.push_back({&route, {std::move(outbound), 0}, wait, ReplyOrigin{delivery_id, reply.reply_id, sink}});
}

absl::Status Settler::Commit(Batch& batch, const std::shared_ptr<ResultSink>& sink) {
  std::vector<OutboxEntry> entries;
  entries.reserve(batch.replies.size());
  for (const OutboxItem& item : batch.replies) {
    // QoS 0 in, QoS 0 out: at most once, never journaled.
    if (item.entry.message->qos != Qos::kAtMostOnce || item.wait_for_connection) entries.push_back(item.entry);
  }
  absl::Status status;
  if (!entries.empty() || std::ranges::any_of(batch.ended, [](RecordId record) { return record != 0; })) {
    status = journal_.Settle(batch.ended, entries);
  }
  if (status.ok()) {
    size_t journaled = 0;
    for (OutboxItem& item : batch.replies) {
      if (item.entry.message->qos != Qos::kAtMostOnce || item.wait_for_connection) {
        item.entry.record = entries[journaled++].record;
      }
    }
    if (!batch.replies.empty()) outbox_.Send(std::move(batch.replies));
  }
  if (!batch.results.empty()) sink->SendResults(std::move(batch.results));
  return status;
}

}  // namespace sluice
