#include "server/reply/refused_replies.h"

#include "server/telemetry/log.h"

namespace sluice {

DroppedReplies::DroppedReplies(const Clock& clock, Journal& journal, MetricsRegistry& metrics)
    : journal_(journal),
      dropped_(RefusedCounter(metrics, "drop")),
      log_limit_(clock, {.burst = 5, .interval = Millis(1'000)}) {}

void DroppedReplies::Take(std::vector<RefusedReply> replies) {
  if (replies.empty()) return;
  std::vector<RecordId> records;
  records.reserve(replies.size());
  for (const RefusedReply& reply : replies) {
    if (reply.record != 0) records.push_back(reply.record);
  }
  dropped_.Add(replies.size());
  LogRefused(log_limit_, replies.front(), replies.size(), "drop");
  if (!records.empty()) journal_.Confirm(records);
}

Counter& RefusedCounter(MetricsRegistry& metrics, std::string_view then) {
  return metrics.GetCounter("sluice_replies_refused_total",
                            "Replies and dead letters that a broker refused, by what is done with them then",
                            {{"then", std::string(then)}});
}

void LogRefused(log::Limiter& limit, const RefusedReply& first, size_t count, std::string_view then) {
  if (!limit.Admit("reply refused", first.connection)) return;
  log::Warning("reply refused",
               {{"connection", first.connection},
                {"topic", first.message->topic},
                {"reason", first.reason},
                {"route", first.route},
                {"message_id", first.message_id == MessageId{} ? std::string() : first.message_id.ToString()},
                {"then", then},
                {"more_in_batch", count - 1}});
}

}  // namespace sluice
