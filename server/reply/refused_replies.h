// Replies that no broker takes, or that the gateway does not publish: what the outbox hands over instead.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/journal/journal.h"
#include "server/message/message.h"
#include "server/message/message_id.h"
#include "server/telemetry/log_limit.h"
#include "server/telemetry/metrics.h"

namespace sluice {

struct RefusedReply {
  RecordId record = 0;  // Of the journal's outbox; 0: QoS 0 that is not journaled.
  std::string connection;
  std::shared_ptr<const OutboundMessage> message;
  std::string reason;  // "the broker refused the reply: 0x87 not authorized".
  // Of the message that it answers. Empty after a restart: the journal does not keep them with a reply.
  MessageId message_id;
  std::string route;
  std::string chain;
  std::string worker;       // Of what the gateway refuses: who sent it.
  bool by_gateway = false;  // It was the gateway that refused it, who has logged and counted that.
  // Holds its place in the outbox, whose bound so holds what is refused and not stored yet, too. Shared by a batch. To
  // be let go of before the outbox ends.
  std::shared_ptr<const void> place;
};

// Consumer of what the outbox does not try again.
class RefusedReplies {
 public:
  virtual ~RefusedReplies() = default;
  // From a driver's thread or the ticker's, without a lock; must not block. The journal still has what has a record:
  // it comes again after a restart until Journal::Confirm() is called for it, which whoever keeps the reply does once
  // it stands where it is kept.
  virtual void Take(std::vector<RefusedReply> replies) = 0;
};

// `replies.onRefused: drop`: logs at a bounded rate, counts, and ends the records. Thread-safe.
class DroppedReplies final : public RefusedReplies {
 public:
  DroppedReplies(const Clock& clock, Journal& journal, MetricsRegistry& metrics);
  void Take(std::vector<RefusedReply> replies) override;

 private:
  Journal& journal_;
  Counter& dropped_;
  log::Limiter log_limit_;
};

// sluice_replies_refused_total{then="…"}: "retry", "dead_letter", "drop".
Counter& RefusedCounter(MetricsRegistry& metrics, std::string_view then);

// One line for a batch of them, at the limiter's rate. `then` as in the metric. Not the payload.
void LogRefused(log::Limiter& limit, const RefusedReply& first, size_t count, std::string_view then);

}  // namespace sluice
