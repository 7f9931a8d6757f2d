// What a worker said becomes what happens: settles end messages in the journal, replies are checked and go to the
// outbox, and only then is the ordering key free.
#pragma once

#include <memory>
#include <vector>

#include "server/journal/journal.h"
#include "server/queue/dispatcher.h"
#include "server/reply/outbox.h"
#include "server/reply/reply_policy.h"
#include "server/worker/settle_handler.h"

namespace sluice {

// Thread-safe; one session's frames must come in order, one at a time.
class Settler final : public SettleHandler {
 public:
  Settler(Dispatcher& dispatcher, Journal& journal, Outbox& outbox, ReplyRules rules, MetricsRegistry& metrics);

  void OnReplies(SessionId session, std::vector<WorkerReply> replies,
                 const std::shared_ptr<ResultSink>& results) override;
  void OnSettles(SessionId session, std::vector<WorkerSettle> settles,
                 const std::shared_ptr<ResultSink>& results) override;

 private:
  // What one frame gathers before the journal is written once.
  struct Batch {
    std::vector<RecordId> ended;
    std::vector<OutboxItem> replies;
    std::vector<ItemResult> results;
  };
  void Decide(WorkerReply& reply, uint64_t delivery_id, const Message& message, const Route& route,
              const std::shared_ptr<ResultSink>& sink, Batch& batch);
  // Journals, then sends replies and results. On an error nothing was sent, and results say so.
  absl::Status Commit(Batch& batch, const std::shared_ptr<ResultSink>& sink);

  Dispatcher& dispatcher_;
  Journal& journal_;
  Outbox& outbox_;
  const ReplyRules rules_;
  Counter& refused_;
  Counter& without_topic_;
  Counter& stale_;
};

}  // namespace sluice
