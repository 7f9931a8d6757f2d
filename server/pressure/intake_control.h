// Carries out the ladder's orders: tells the intake connections, counts, logs, shows.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/mqtt/intake.h"
#include "server/pressure/ladder.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/runtime/ticker.h"
#include "server/runtime/watermark.h"
#include "server/telemetry/log_limit.h"
#include "server/telemetry/metrics.h"
#include "server/telemetry/readiness.h"

namespace sluice {

// Thread-safe, save for set-up. Nothing in it waits. Its lock is held while connections are told, so that they hear the
// decisions in their order.
class IntakeControl final : public Tickable {
 public:
  // `clock` and `metrics` outlive it. `wake_by` asks the ticker for a Tick.
  IntakeControl(Ladder::Options options, const Clock& clock, MetricsRegistry& metrics,
                std::function<void(SteadyTime)> wake_by);
  IntakeControl(const IntakeControl&) = delete;
  IntakeControl& operator=(const IntakeControl&) = delete;

  // Also while it runs. `connection` lives until RemoveConnection() or Stop().
  void AddConnection(const std::string& name, IntakeConnection& connection, const SubscriptionGroup& group);
  // It is told nothing any more when this returns.
  void RemoveConnection(const std::string& name);

  // ---- set-up; workers may join and leave meanwhile
  // After the connections, or while it runs: the workers of this chain are counted for metrics, whether or not a filter feeds it alone.
  void Expect(const Chain& chain);
  // Of a journal with bounds. Called from any thread that calls in here, a few times a second by themselves; they must
  // not call in here.
  struct JournalGauges {
    Watermark watermark;
    std::function<Fill()> held;            // Must not wait: called with the lock held.
    std::function<std::string()> failure;  // Why it cannot be written; empty: it can.
  };
  // Intake rests while the journal is at its watermark, or cannot be written.
  void WatchJournal(JournalGauges journal) { journal_ = std::move(journal); }

  // ---- while it runs
  // The connection that was added under `name` has these subscriptions from now on, and is told so if `resubscribe` has
  // any.
  void ChangeConnection(const std::string& name, const SubscriptionGroup& group, std::vector<Subscription> resubscribe);
  // `watermark` is passed over where no journal is watched.
  void SetOptions(Ladder::Options options, Watermark watermark);

  // ---- from the stages below
  // The queue of a chain has reached its high watermark, or fallen to its low one. See
  // DispatcherListener::OnPressure.
  void OnQueue(const Chain& chain, bool full);
  // The same for what waits in the journal behind it. See Backlog.
  void OnBacklog(const Chain& chain, bool full);
  // A worker's stream began to serve these chains; it gets nothing more. The latter may be said twice, and of streams
  // that are not known.
  void OnWorkerJoined(uint64_t session, const std::vector<const Chain*>& chains);
  void OnWorkerLeft(uint64_t session);

  // ---- from the gateway
  // From now on all connections rest, whatever else there is, and leave their shared filters if `leave_shared`, until
  // Undrain(). `reason` is shown to people. Idempotent.
  void Drain(std::string reason, bool leave_shared);
  void Undrain();
  // What is not as usual with the journal and the chains. A chain without workers is shown, but the gateway is ready:
  // else those that wait for it would not find it.
  std::vector<ReadinessItem> Readiness() const;
  // No connection is told anything any more when it returns. Idempotent.
  void Stop();

  SteadyTime Tick(SteadyTime now) override;

 private:
  static constexpr size_t kRests = 5;   // Of Ladder::Rest, without kNot.
  static constexpr size_t kLeaves = 3;  // Of Ladder::Leave.

  struct Connection {
    std::string name;
    IntakeConnection* connection = nullptr;  // Null: it has been removed, and its place in the ladder is free.
    std::vector<std::string> filters;        // By subscription.
    std::vector<size_t> shared;              // Subscriptions that others may have instead.
    Gauge* resting = nullptr;
    Gauge* left = nullptr;
    std::array<Counter*, kRests> rests{};
    std::array<Counter*, kLeaves> leaves{};
    Ladder::Order told;
  };

  void Place(const std::string& name, IntakeConnection& connection, const SubscriptionGroup& group, SteadyTime now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Brings the ladder to now and tells the connections what has changed; when to come again.
  SteadyTime Apply(SteadyTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellRest(Connection& connection, const Ladder::Order& order) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellLeft(Connection& connection, const Ladder::Order& order) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The ladder's, or what Drain() wants.
  Ladder::Order OrderOf(size_t connection) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The filters of `group`, and the workers of the chains that it feeds.
  void Watch(Connection& connection, const SubscriptionGroup& group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WatchWorkers(const Chain& chain) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountWorkers(const std::vector<const Chain*>& chains, int change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Has `change` done under the lock, and what follows from it.
  template <typename Change>
  void After(Change change);

  // Constant after set-up.
  const Clock& clock_;
  MetricsRegistry& metrics_;
  const std::function<void(SteadyTime)> wake_by_;
  std::optional<JournalGauges> journal_;  // None: it stands in memory, bounded by the queues.

  log::Limiter log_limit_;

  mutable Mutex mutex_;
  Ladder ladder_ ABSL_GUARDED_BY(mutex_);
  std::vector<Connection> connections_ ABSL_GUARDED_BY(mutex_);
  std::string drained_ ABSL_GUARDED_BY(mutex_);  // Why Drain() was called; empty: it was not.
  bool leave_shared_ ABSL_GUARDED_BY(mutex_) = false;
  struct Workers {
    size_t count = 0;
    Gauge* gauge = nullptr;
  };
  std::map<const Chain*, Workers> workers_ ABSL_GUARDED_BY(mutex_);  // Of the chains that routes name.
  absl::flat_hash_map<uint64_t, std::vector<const Chain*>> sessions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
