#include "server/limit_metrics.h"

#include <cstdint>

namespace sluice {

void AddLimitMetrics(const GatewayConfig& config, MetricsRegistry& metrics) {
  const auto limit = [&metrics](const char* name, const char* help, uint64_t value) {
    metrics.GetGauge(name, help).Set(static_cast<int64_t>(value));
  };
  if (config.journal.enabled) {
    limit("sluice_journal_limit_messages", "Bound of sluice_journal_messages (journal.maxMessages)",
          config.journal.max_messages);
    limit("sluice_journal_limit_bytes", "Bound of sluice_journal_live_bytes (journal.maxBytes)",
          config.journal.max_bytes);
  }
  limit("sluice_outbox_connection_limit_messages",
        "Bound of sluice_outbox_connection_messages (replies.maxOutstandingMessages)",
        config.replies.max_outstanding_messages);
  limit("sluice_outbox_connection_limit_bytes", "Bound of sluice_outbox_connection_bytes (replies.maxOutstandingBytes)",
        config.replies.max_outstanding_bytes);
  limit("sluice_outbox_limit_messages", "Bound of sluice_outbox_messages: four times that of one connection",
        config.replies.max_outstanding_messages * 4);
  limit("sluice_outbox_limit_bytes", "Bound of sluice_outbox_bytes: four times that of one connection",
        config.replies.max_outstanding_bytes * 4);
  limit("sluice_dead_letters_limit_messages", "Bound of sluice_dead_letters_kept (deadLetters.maxMessages)",
        config.dead_letters.max_messages);
  limit("sluice_dead_letters_limit_bytes", "Bound of sluice_dead_letters_kept_bytes (deadLetters.maxBytes)",
        config.dead_letters.max_bytes);
  limit("sluice_worker_streams_limit", "Bound of sluice_worker_streams (workers.maxStreams)",
        config.workers.max_streams);
}

}  // namespace sluice
