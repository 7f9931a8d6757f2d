#include "server/reply/settler.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <variant>

#include "server/identity/permissions.h"
#include "server/spans/message_spans.h"
#include "server/tap/tap.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr char kStaleMessage[] =
    "the delivery is not in flight on this stream: unknown, settled, or its lease was lost";
constexpr char kWithRetryMessage[] =
    "its settle is a RETRY: its replies are not published, the next attempt makes its own";

bool ReplyNeedsJournal(const OutboxItem& item) {
  // QoS 0 in, QoS 0 out: at most once, never journaled.
  return item.entry.message->qos != Qos::kAtMostOnce || item.wait_for_connection;
}

ItemResult Stale(uint64_t reply_id, uint64_t delivery_id) {
  return {reply_id, delivery_id, ItemResult::Code::kStale, 0, kStaleMessage};
}

Counter& NotSent(MetricsRegistry& metrics, const char* reason) {
  return metrics.GetCounter("sluice_replies_not_sent_total", "Replies that were not handed to a broker, by reason",
                            {{"reason", reason}});
}

// A reply may go where its worker may publish for the message that it holds.
void ApplyGrants(const StreamGrants* grants, const Dispatcher::InFlightInfo& about, ReplyDecision& decision) {
  auto* outbound = std::get_if<std::unique_ptr<OutboundMessage>>(&decision);
  if (grants == nullptr || outbound == nullptr) return;
  const ReplyAct act{.topic = (*outbound)->topic,
                     .qos = (*outbound)->qos,
                     .retain = (*outbound)->retain,
                     .message_topic = about.message->topic};
  std::string why;
  if (grants->Permits(*about.chain, act, why)) return;
  std::unique_ptr<OutboundMessage> reply = std::move(*outbound);
  decision = ReplyRefused{ItemResult::Code::kDenied, std::move(why), std::move(reply), /*by_rule=*/true};
}

}  // namespace

Settler::Settler(const Clock& clock, Dispatcher& dispatcher, Journal& journal, Outbox& outbox, ReplyRules rules,
                 MetricsRegistry& metrics, HeldLimits limits, std::function<void(bool)> on_full, Writes writes)
    : clock_(clock),
      dispatcher_(dispatcher),
      journal_(journal),
      outbox_(outbox),
      rules_(std::move(rules)),
      keep_denied_(rules_.Get()->keep_denied),
      denied_(clock, metrics, keep_denied_ ? "dead_letter" : "drop"),
      refused_(NotSent(metrics, "refused")),
      without_topic_(NotSent(metrics, "no_topic")),
      stale_(NotSent(metrics, "stale")),
      with_retry_(NotSent(metrics, "retry")),
      held_settles_(metrics.GetGauge("sluice_settles_held",
                                     "Settled deliveries that wait until the journal can be written again")),
      held_replies_({.messages = limits.max_messages, .bytes = limits.max_bytes}, std::move(on_full)),
      has_thread_(writes == Writes::kOnOwnThread) {
  if (has_thread_) thread_ = std::thread([this] { Write(); });
}

Settler::~Settler() { Stop(); }

void Settler::OnReplies(SessionId session, std::vector<WorkerReply> replies,
                        const std::shared_ptr<ResultSink>& results) {
  std::vector<uint64_t> ids;
  ids.reserve(replies.size());
  for (const WorkerReply& reply : replies) ids.push_back(reply.delivery_id);
  std::vector<std::optional<Dispatcher::InFlightInfo>> infos = dispatcher_.Peek(session, ids);
  Batch batch;
  batch.rules = rules_.Get();
  for (size_t i = 0; i < replies.size(); ++i) {
    if (!infos[i]) {
      stale_.Add();
      batch.results.push_back(Stale(replies[i].reply_id, replies[i].delivery_id));
      continue;
    }
    Decide(replies[i], {session, replies[i].delivery_id, results}, *infos[i], batch);
  }
  Process(session, std::move(batch), results);
}

void Settler::OnSettles(SessionId session, std::vector<WorkerSettle> settles,
                        const std::shared_ptr<ResultSink>& results) {
  std::vector<uint64_t> ids;
  ids.reserve(settles.size());
  for (const WorkerSettle& settle : settles) ids.push_back(settle.delivery_id);
  std::vector<std::optional<Dispatcher::Claimed>> claims = dispatcher_.Claim(session, ids);

  Batch batch;
  batch.rules = rules_.Get();
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
    const RoutedMessage& message = claimed.message;
    for (WorkerReply& reply : settle.replies) {
      if (settle.verdict == Verdict::kRetry) {
        with_retry_.Add();
        batch.results.push_back(
            {reply.reply_id, settle.delivery_id, ItemResult::Code::kNotPublished, 0, kWithRetryMessage});
        continue;
      }
      Decide(reply, {session, settle.delivery_id, results},
             {message.message, message.route, message.chain, message.id, claimed.answer_time}, batch);
    }
    // RETRY keeps the record; REJECT's ends with the dead letter.
    if (settle.verdict == Verdict::kAck || settle.verdict == Verdict::kDrop) {
      if (message.record != 0) batch.ended.push_back(message.record);
    }
    finished.push_back({std::move(claimed), settle.verdict, settle.retry_after, std::move(settle.reason)});
  }
  if (tap_ != nullptr && tap_->on()) TellSettled(session, finished);
  if (spans_ != nullptr) Trace(finished);
  if (!finished.empty()) batch.endings.push_back({session, std::move(finished)});
  Process(session, std::move(batch), results);
}

void Settler::TellSettled(SessionId session, const std::vector<Dispatcher::Finished>& finished) const {
  // What is kept names the worker with its delivery: the dispatcher's lock is only taken for those who look.
  const std::string worker = tap_->watched() ? dispatcher_.WorkerOf(session) : std::string();
  const auto id_of = [](const Dispatcher::Finished& one) { return one.claimed.message.id; };
  tap_->Tell(finished, id_of, [&worker](const Dispatcher::Finished& one) {
    const RoutedMessage& routed = one.claimed.message;
    PassingNote note = NoteOf(PassingStep::kSettled, *routed.message, routed.id, routed.route, routed.chain);
    note.worker = worker;
    note.attempt = routed.attempts + 1;
    note.outcome = kVerdictNames[static_cast<size_t>(one.verdict)];
    note.detail = one.reason;
    return note;
  });
}

void Settler::Trace(const std::vector<Dispatcher::Finished>& finished) const {
  for (const Dispatcher::Finished& one : finished) {
    const RoutedMessage& routed = one.claimed.message;
    if (routed.message->trace == nullptr) continue;
    spans_->Settled({.message = *routed.message,
                     .id = routed.id,
                     .route = routed.route,
                     .chain = routed.chain->name,
                     .attempt = routed.attempts + 1},
                    kVerdictNames[static_cast<size_t>(one.verdict)], one.reason);
  }
}

void Settler::Decide(WorkerReply& reply, const Sender& sender, const Dispatcher::InFlightInfo& about, Batch& batch) {
  ReplyDecision decision = DecideReply(reply, *about.message, *about.route, *batch.rules);
  ApplyGrants(sender.results->grants(), about, decision);
  if (auto* refused = std::get_if<ReplyRefused>(&decision)) {
    batch.results.push_back({reply.reply_id, sender.delivery_id, refused->code, 0, refused->message});
    Deny(std::move(*refused), sender, about, batch);
    return;
  }
  if (std::holds_alternative<NothingToPublish>(decision)) {
    without_topic_.Add();
    if (reply.reply_id != 0) {
      batch.results.push_back({reply.reply_id, sender.delivery_id, ItemResult::Code::kOk, 0, {}});
    }
    return;
  }
  auto& outbound = std::get<std::unique_ptr<OutboundMessage>>(decision);
  if (outbound->properties != nullptr && outbound->properties->expiry_s) {
    outbound->made = clock_.Now();
    outbound->made_unix_ms = clock_.UnixMillis();
  }
  // A reply of QoS 0 to a message the gateway answers for waits like the others; to one of QoS 0 it may be lost.
  const bool wait = about.message->qos != Qos::kAtMostOnce;
  std::unique_ptr<const ReplySpan> span;
  if (spans_ != nullptr && about.message->trace != nullptr) span = spans_->BeginReply(*about.message, *outbound);
  OutboxItem& item = batch.replies.emplace_back();
  item.route = about.route;
  item.entry.message = std::move(outbound);
  item.entry.connection = about.route->connection;
  item.wait_for_connection = wait;
  item.origin = {.delivery_id = sender.delivery_id,
                 .reply_id = reply.reply_id,
                 .results = sender.results,
                 .chain = about.chain,
                 .message_id = about.id,
                 .received = about.message->received,
                 .answer_time = about.answer_time,
                 .span = std::move(span)};
}

void Settler::Deny(ReplyRefused refused, const Sender& sender, const Dispatcher::InFlightInfo& about, Batch& batch) {
  refused_.Add();
  const std::string worker = dispatcher_.WorkerOf(sender.session);
  denied_.Note({.chain = about.chain->name,
                .worker = worker,
                .topic = refused.reply->topic,
                .code = refused.code,
                .why = refused.message,
                .by_rule = refused.by_rule});
  if (!keep_denied_) return;
  const bool at_most_once = about.message->qos == Qos::kAtMostOnce && refused.reply->qos == Qos::kAtMostOnce;
  batch.denied.push_back(
      {.entry = {std::move(refused.reply), 0, about.route->connection},
       .refusal = {.reason = std::string(DenialName(refused.code, refused.by_rule)) + ": " + refused.message,
                   .message_id = about.id,
                   .route = about.route->id,
                   .chain = about.chain->name,
                   .worker = worker},
       .journaled = !at_most_once});
}

int64_t Settler::SettlesOf(const Batch& batch) {
  size_t settles = 0;
  for (const Ending& ending : batch.endings) settles += ending.finished.size();
  return static_cast<int64_t>(settles);
}

Fill Settler::RepliesOf(const Batch& batch) {
  Fill fill{.messages = batch.replies.size() + batch.denied.size()};
  for (const OutboxItem& item : batch.replies) fill.bytes += item.entry.message->footprint();
  for (const DeniedReply& reply : batch.denied) fill.bytes += reply.entry.message->footprint();
  return fill;
}

std::map<std::string, Fill, std::less<>> Settler::ForFull(const Batch& batch) const {
  std::map<std::string, Fill, std::less<>> brought;
  const auto add = [&](const OutboxEntry& entry) {
    if (!outbox_.full(entry.connection)) return;
    Fill& fill = brought[std::string(entry.connection)];
    ++fill.messages;
    fill.bytes += entry.message->footprint();
  };
  for (const OutboxItem& item : batch.replies) add(item.entry);
  for (const DeniedReply& reply : batch.denied) add(reply.entry);
  return brought;
}

void Settler::Process(SessionId session, Batch batch, const std::shared_ptr<ResultSink>& sink) {
  if (holds_ == nullptr || !outbox_.any_full()) return Dispose(std::move(batch), sink);
  const std::map<std::string, Fill, std::less<>> brought = ForFull(batch);
  Dispose(std::move(batch), sink);
  for (const auto& [connection, fill] : brought) holds_->Charge(session, connection, fill);
}

void Settler::Dispose(Batch batch, const std::shared_ptr<ResultSink>& sink) {
  if (!batch.results.empty()) sink->SendResults(std::exchange(batch.results, {}));
  const bool needs_journal = NeedsJournal(batch);
  // Behind what is held or queued, so that a stream's replies keep their order. What needs no record does not wait for
  // a journal that cannot be written.
  const bool behind = queued_.load(std::memory_order_acquire) > 0 && (needs_journal || !(holding() || stalled()));
  if (behind || (needs_journal && has_thread_)) return Hold(std::move(batch), absl::OkStatus());
  if (needs_journal) {
    if (const absl::Status status = Record(batch); !status.ok()) return Hold(std::move(batch), status);
  }
  CarryOut(batch);
}

bool Settler::NeedsJournal(const Batch& batch) {
  return !batch.ended.empty() || std::ranges::any_of(batch.replies, ReplyNeedsJournal) ||
         std::ranges::any_of(batch.denied, &DeniedReply::journaled);
}

absl::Status Settler::Record(Batch& batch) {
  std::vector<OutboxEntry> entries;
  entries.reserve(batch.replies.size() + batch.denied.size());
  for (const OutboxItem& item : batch.replies) {
    if (ReplyNeedsJournal(item)) entries.push_back(item.entry);
  }
  for (const DeniedReply& reply : batch.denied) {
    if (!reply.journaled) continue;
    entries.push_back(reply.entry);
    entries.back().refusal = &reply.refusal;
  }
  if (batch.ended.empty() && entries.empty()) return absl::OkStatus();
  absl::Status status = journal_.Settle(batch.ended, entries);
  if (!status.ok()) return status;
  size_t journaled = 0;
  for (OutboxItem& item : batch.replies) {
    if (ReplyNeedsJournal(item)) item.entry.record = entries[journaled++].record;
  }
  for (DeniedReply& reply : batch.denied) {
    if (reply.journaled) reply.entry.record = entries[journaled++].record;
  }
  return status;
}

void Settler::CarryOut(Batch& batch) {
  const auto places = has_thread_ && batch.held ? Outbox::Places::kReserved : Outbox::Places::kNew;
  if (!batch.replies.empty()) outbox_.Send(std::move(batch.replies), places);
  if (!batch.denied.empty()) outbox_.KeepDenied(std::move(batch.denied), places);
  for (Ending& ending : batch.endings) dispatcher_.Finish(ending.session, std::move(ending.finished));
}

}  // namespace sluice
