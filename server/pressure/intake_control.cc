#include "server/pressure/intake_control.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

// How often the journal is looked at. Between its high watermark and its bound there is room for what comes meanwhile;
// where there is not, the journal refuses, and intake offers it again.
constexpr Millis kJournalInterval{100};

// Of Ladder::Rest without kNot, and Ladder::Leave, for metrics and logs.
constexpr std::string_view kRestNames[] = {"queue_full", "backlog_full", "journal_full", "journal_fails", "drained"};
constexpr std::string_view kLeaveNames[] = {"resting", "no_workers", "drained"};

size_t At(Ladder::Rest rest) { return static_cast<size_t>(rest) - 1; }
size_t At(Ladder::Leave leave) { return static_cast<size_t>(leave); }

}  // namespace

IntakeControl::IntakeControl(Ladder::Options options, const Clock& clock, MetricsRegistry& metrics,
                             std::function<void(SteadyTime)> wake_by)
    : clock_(clock), metrics_(metrics), wake_by_(std::move(wake_by)), log_limit_(clock), ladder_(options) {}

// ------------------------------------------------------------------------------------------------ set-up

void IntakeControl::AddConnection(const std::string& name, IntakeConnection& connection,
                                  const SubscriptionGroup& group) {
  After([&](SteadyTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { Place(name, connection, group, now); });
}

void IntakeControl::Place(const std::string& name, IntakeConnection& connection, const SubscriptionGroup& group,
                          SteadyTime now) {
  Connection mine;
  mine.name = name;
  mine.connection = &connection;
  mine.resting = &metrics_.GetGauge("sluice_intake_paused", "1 while intake rests and the broker keeps what comes.",
                                    {{"connection", name}});
  mine.left = &metrics_.GetGauge("sluice_shared_filters_left", "Shared filters that are left to other gateways.",
                                 {{"connection", name}});
  for (size_t i = 0; i < kRests; ++i) {
    mine.rests[i] = &metrics_.GetCounter("sluice_intake_pauses_total", "Times that intake began to rest.",
                                         {{"connection", name}, {"reason", std::string(kRestNames[i])}});
  }
  for (size_t i = 0; i < kLeaves; ++i) {
    mine.leaves[i] = &metrics_.GetCounter("sluice_shared_filter_leaves_total",
                                          "Times that a shared filter was left to other gateways.",
                                          {{"connection", name}, {"reason", std::string(kLeaveNames[i])}});
  }
  const auto free = std::ranges::find(connections_, nullptr, &Connection::connection);
  const auto place = static_cast<size_t>(free - connections_.begin());
  if (free == connections_.end()) {
    ladder_.AddConnection(group, now);
    connections_.emplace_back();
  } else {
    ladder_.ChangeConnection(place, group, now);
  }
  Watch(mine, group);
  connections_[place] = std::move(mine);
}

void IntakeControl::RemoveConnection(const std::string& name) {
  After([&](SteadyTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto found = std::ranges::find(connections_, name, &Connection::name);
    if (found == connections_.end()) return;
    ladder_.ChangeConnection(static_cast<size_t>(found - connections_.begin()), {}, now);
    *found = {};
  });
}

void IntakeControl::Watch(Connection& connection, const SubscriptionGroup& group) {
  connection.filters.clear();
  connection.shared.clear();
  for (const PlannedSubscription& planned : group.planned) {
    if (planned.subscription.shared()) connection.shared.push_back(connection.filters.size());
    connection.filters.push_back(planned.subscription.filter);
    for (const Route* route : planned.routes) {
      const Chain* chain = route->target.chain;
      if (chain == nullptr) continue;
      WatchWorkers(*chain);
      ladder_.SetWorkers(*chain, workers_[chain].count, clock_.Now());
    }
  }
}

void IntakeControl::Expect(const Chain& chain) {
  MutexLock lock(mutex_);
  WatchWorkers(chain);
}

void IntakeControl::WatchWorkers(const Chain& chain) {
  const auto [watched, is_new] = workers_.try_emplace(&chain);
  if (!is_new) return;
  Workers& workers = watched->second;
  workers.gauge =
      &metrics_.GetGauge("sluice_chain_workers", "Worker streams that serve the chain.", {{"chain", chain.name}});
  // Workers may have come first: their listener is there before intake is.
  for (const auto& [session, chains] : sessions_) {
    workers.count += static_cast<size_t>(std::ranges::count(chains, &chain));
  }
  workers.gauge->Set(static_cast<int64_t>(workers.count));
}

void IntakeControl::ChangeConnection(const std::string& name, const SubscriptionGroup& group,
                                     std::vector<Subscription> resubscribe) {
  After([&](SteadyTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto found = std::ranges::find(connections_, name, &Connection::name);
    if (found == connections_.end()) return;
    Connection& connection = *found;
    const size_t number = static_cast<size_t>(found - connections_.begin());
    ladder_.ChangeConnection(number, group, now);
    Watch(connection, group);
    if (!resubscribe.empty()) connection.connection->Resubscribe(std::move(resubscribe));
    // What was left is told anew: it was counted in other subscriptions.
    ladder_.Advance(now);
    std::vector<size_t> out;
    for (const Ladder::Order::Left& left : ladder_.order(number).left) out.push_back(left.subscription);
    connection.told.left = ladder_.order(number).left;
    connection.left->Set(static_cast<int64_t>(out.size()));
    connection.connection->StayOut(std::move(out));
  });
}

void IntakeControl::SetOptions(Ladder::Options options, Watermark watermark) {
  After([&](SteadyTime) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ladder_.SetOptions(options);
    if (journal_) journal_->watermark = watermark;
  });
}

void IntakeControl::Drain(std::string reason, bool leave_shared) {
  After([&](SteadyTime) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    drained_ = std::move(reason);
    leave_shared_ = leave_shared;
  });
}

void IntakeControl::Undrain() {
  After([&](SteadyTime) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { drained_.clear(); });
}

void IntakeControl::Stop() {
  MutexLock lock(mutex_);
  connections_.clear();
}

// ------------------------------------------------------------------------------------------------ what happens below

template <typename Change>
void IntakeControl::After(Change change) {
  SteadyTime next = kNever;
  {
    MutexLock lock(mutex_);
    const SteadyTime now = clock_.Now();
    change(now);
    next = Apply(now);
  }
  if (next != kNever) wake_by_(next);
}

void IntakeControl::OnQueue(const Chain& chain, bool full) {
  After([&](SteadyTime) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { ladder_.SetQueueFull(chain, full); });
}

void IntakeControl::OnBacklog(const Chain& chain, bool full) {
  After([&](SteadyTime) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { ladder_.SetBacklogFull(chain, full); });
}

void IntakeControl::OnWorkerJoined(uint64_t session, const std::vector<const Chain*>& chains) {
  After([&](SteadyTime) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (sessions_.try_emplace(session, chains).second) CountWorkers(chains, 1);
  });
}

void IntakeControl::OnWorkerLeft(uint64_t session) {
  After([&](SteadyTime) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    auto it = sessions_.find(session);
    if (it == sessions_.end()) return;
    CountWorkers(it->second, -1);
    sessions_.erase(it);
  });
}

void IntakeControl::CountWorkers(const std::vector<const Chain*>& chains, int change) {
  for (const Chain* chain : chains) {
    auto it = workers_.find(chain);
    if (it == workers_.end()) continue;
    Workers& workers = it->second;
    workers.count += static_cast<size_t>(change);
    workers.gauge->Set(static_cast<int64_t>(workers.count));
    ladder_.SetWorkers(*chain, workers.count, clock_.Now());
  }
}

SteadyTime IntakeControl::Tick(SteadyTime now) {
  // Before the lock is taken: it may have to wait for a write.
  std::string failure = journal_ ? journal_->failure() : "";
  MutexLock lock(mutex_);
  if (!journal_) return Apply(now);
  ladder_.SetJournalFailure(std::move(failure));
  ladder_.SetJournalFull(journal_->watermark.IsFull(journal_->held(), ladder_.journal_full()));
  return std::min(Apply(now), now + kJournalInterval);
}

// ------------------------------------------------------------------------------------------------ orders

SteadyTime IntakeControl::Apply(SteadyTime now) {
  const SteadyTime next = ladder_.Advance(now);
  for (size_t i = 0; i < connections_.size(); ++i) {
    Connection& connection = connections_[i];
    if (connection.connection == nullptr) continue;
    const Ladder::Order order = OrderOf(i);
    TellLeft(connection, order);
    TellRest(connection, order);
    connection.told = order;
  }
  return next;
}

Ladder::Order IntakeControl::OrderOf(size_t connection) const {
  Ladder::Order order = ladder_.order(connection);
  if (drained_.empty()) return order;
  order.rest = Ladder::Rest::kDrained;
  order.reason = drained_;
  if (!leave_shared_) return order;
  order.left.clear();
  for (size_t subscription : connections_[connection].shared) {
    order.left.push_back({.subscription = subscription, .why = Ladder::Leave::kDrained});
  }
  return order;
}

void IntakeControl::TellRest(Connection& connection, const Ladder::Order& order) {
  const Ladder::Order& told = connection.told;
  if (order.rest == Ladder::Rest::kNot) {
    if (told.rest == Ladder::Rest::kNot) return;
    connection.connection->Resume();
    connection.resting->Set(0);
    if (log_limit_.Admit("intake goes on", connection.name)) {
      log::Info("intake goes on", {{"connection", connection.name}});
    }
    return;
  }
  if (order.reason == told.reason) return;
  connection.connection->Pause(order.reason);
  if (order.rest == told.rest) return;
  connection.resting->Set(1);
  connection.rests[At(order.rest)]->Add();
  if (log_limit_.Admit("intake rests", connection.name)) {
    log::Warning("intake rests", {{"connection", connection.name}, {"reason", order.reason}});
  }
}

void IntakeControl::TellLeft(Connection& connection, const Ladder::Order& order) {
  const Ladder::Order& told = connection.told;
  if (order.left == told.left) return;
  auto is_left = [](const Ladder::Order& in, size_t subscription) {
    return std::ranges::find(in.left, subscription, &Ladder::Order::Left::subscription) != in.left.end();
  };
  std::vector<size_t> out;
  for (const Ladder::Order::Left& left : order.left) {
    out.push_back(left.subscription);
    if (is_left(told, left.subscription)) continue;
    connection.leaves[At(left.why)]->Add();
    log::Warning("shared filter left to others", {{"connection", connection.name},
                                                  {"filter", connection.filters[left.subscription]},
                                                  {"reason", kLeaveNames[At(left.why)]}});
  }
  for (const Ladder::Order::Left& left : told.left) {
    if (is_left(order, left.subscription)) continue;
    log::Info("shared filter joined again",
              {{"connection", connection.name}, {"filter", connection.filters[left.subscription]}});
  }
  connection.left->Set(static_cast<int64_t>(out.size()));
  connection.connection->StayOut(std::move(out));
}

std::vector<ReadinessItem> IntakeControl::Readiness() const {
  std::vector<ReadinessItem> items;
  MutexLock lock(mutex_);
  if (ladder_.journal_full()) items.push_back({"journal space", false, "at its high watermark: intake rests"});
  for (const Ladder::ChainState& state : ladder_.UnusualChains()) {
    std::vector<std::string> details;
    if (state.full) details.emplace_back("its queue is full");
    if (state.backlog_full) details.emplace_back("its share of the journal is full: the connections that feed it rest");
    if (state.no_workers) details.emplace_back("no worker is connected");
    if (state.left) details.emplace_back("its shared filters are left to others");
    items.push_back({"chain " + state.chain, !state.full, absl::StrJoin(details, "; ")});
  }
  return items;
}

}  // namespace sluice
