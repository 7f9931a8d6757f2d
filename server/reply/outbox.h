// Replies between the journal and the broker's confirmation: hands them to the connection's publisher, bounds how many
// are outstanding, and tells workers that asked what became of theirs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/journal/journal.h"
#include "server/mqtt/driver.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/runtime/ticker.h"
#include "server/telemetry/metrics.h"
#include "server/worker/settle_handler.h"

namespace sluice {

struct OutboxLimits {
  size_t max_messages = 10'000;
  size_t max_bytes = 64u << 20;
  Millis result_timeout{30'000};
};

// Who wants to know what became of a reply.
struct ReplyOrigin {
  uint64_t delivery_id = 0;
  uint64_t reply_id = 0;
  std::weak_ptr<ResultSink> results;  // Empty for dead letters.
};

// A message the journal has taken (record 0: QoS 0 that is not journaled), for the connection of `route`.
struct OutboxItem {
  const Route* route = nullptr;
  OutboxEntry entry;
  bool wait_for_connection = false;  // See Outgoing.
  ReplyOrigin origin;
};

// Thread-safe.
class Outbox final : public PublishListener, public Tickable {
 public:
  // `on_full(true)` at a bound: no more must be asked of workers; `on_full(false)` at half of both. Called without the
  // lock, alternating.
  Outbox(const Clock& clock, Journal& journal, MetricsRegistry& metrics, OutboxLimits limits,
         std::function<void(bool)> on_full);
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Set-up: replies to messages of `connection` go to `publisher`, which outlives the last Send().
  void AddConnection(const std::string& connection, Publisher& publisher);

  // Takes all of them, also over a bound: on_full is what holds it.
  void Send(std::vector<OutboxItem> items);

  void OnOutcomes(std::span<const PublishOutcome> outcomes) override;
  SteadyTime Tick(SteadyTime now) override;

  size_t outstanding() const;

 private:
  struct Slot {
    bool used = false;
    bool timed_out = false;  // The worker has been told TIMEOUT: no second result.
    RecordId record = 0;
    size_t bytes = 0;
    SteadyTime deadline;
    ReplyOrigin origin;
  };
  // What on_full is to be told; empty: nothing.
  enum class Edge { kNone, kFull, kRelieved };

  Edge UpdateFull() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tell(Edge edge);
  Counter& OutcomeCounter(PublishOutcome::Code code) { return *outcome_counters_[static_cast<size_t>(code)]; }

  // Constant after set-up.
  const Clock& clock_;
  Journal& journal_;
  const OutboxLimits limits_;
  const std::function<void(bool)> on_full_;
  std::map<std::string, Publisher*, std::less<>> publishers_;
  std::array<Counter*, 5> outcome_counters_;
  Counter& timeouts_;

  mutable Mutex mutex_;
  std::vector<Slot> slots_ ABSL_GUARDED_BY(mutex_);  // Token - 1 is the index.
  std::vector<uint64_t> free_ ABSL_GUARDED_BY(mutex_);
  size_t messages_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool full_ ABSL_GUARDED_BY(mutex_) = false;

  // Serialises on_full, so that its calls alternate; taken before mutex_.
  Mutex tell_mutex_;
  bool told_full_ ABSL_GUARDED_BY(tell_mutex_) = false;
};

}  // namespace sluice
