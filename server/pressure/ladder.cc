#include "server/pressure/ladder.h"

#include <algorithm>
#include <utility>

namespace sluice {

size_t Ladder::AddConnection(const SubscriptionGroup& group, SteadyTime now) {
  SetFeeds(connections_.emplace_back(), group, now);
  return connections_.size() - 1;
}

void Ladder::ChangeConnection(size_t connection, const SubscriptionGroup& group, SteadyTime now) {
  SetFeeds(connections_[connection], group, now);
  // Nobody asks for workers of a chain that nothing feeds any more.
  std::erase_if(workers_, [this](const auto& each) {
    return std::ranges::none_of(connections_, [&each](const Connection& other) {
      return std::ranges::any_of(other.feeds, [&each](const Feed& feed) { return feed.chains.contains(each.first); });
    });
  });
}

void Ladder::SetFeeds(Connection& connection, const SubscriptionGroup& group, SteadyTime now) {
  connection.feeds.clear();
  connection.presses = false;
  connection.order.left.clear();
  for (const PlannedSubscription& planned : group.planned) {
    Feed feed;
    feed.shared = planned.subscription.shared();
    feed.presses = planned.subscription.qos != Qos::kAtMostOnce;
    for (const Route* route : planned.routes) {
      if (route->target.chain == nullptr) {
        feed.any_chain = true;
      } else {
        feed.chains.insert(route->target.chain);
        workers_.try_emplace(route->target.chain, Workers{.count = 0, .none_since = now});
      }
    }
    connection.presses |= feed.presses;
    connection.feeds.push_back(std::move(feed));
  }
}

void Ladder::SetQueueFull(const Chain& chain, bool full) {
  if (full) {
    full_.insert(&chain);
  } else {
    full_.erase(&chain);
  }
}

void Ladder::SetBacklogFull(const Chain& chain, bool full) {
  if (full) {
    backlog_full_.insert(&chain);
  } else {
    backlog_full_.erase(&chain);
  }
}

void Ladder::SetWorkers(const Chain& chain, size_t count, SteadyTime now) {
  auto it = workers_.find(&chain);
  if (it == workers_.end()) return;
  Workers& workers = it->second;
  if (count == 0 && workers.count > 0) workers.none_since = now;
  workers.count = count;
}

SteadyTime Ladder::Advance(SteadyTime now) {
  SteadyTime next = kNever;
  for (auto& [chain, workers] : workers_) {
    workers.away = false;
    if (workers.count > 0 || options_.no_workers_after == Millis{0}) continue;
    const SteadyTime away_at = workers.none_since + options_.no_workers_after;
    workers.away = now >= away_at;
    if (!workers.away) next = std::min(next, away_at);
  }
  for (Connection& connection : connections_) {
    OrderRest(connection, now);
    next = std::min(next, OrderLeft(connection, now));
  }
  return next;
}

void Ladder::OrderRest(Connection& connection, SteadyTime now) const {
  Order& order = connection.order;
  order.reason.clear();
  order.rest = WhyRest(connection, order.reason);
  if (order.rest == Rest::kNot) {
    connection.resting_since = kNever;
  } else if (connection.resting_since == kNever) {
    connection.resting_since = now;
  }
}

Ladder::Rest Ladder::WhyRest(const Connection& connection, std::string& reason) const {
  if (!connection.presses) return Rest::kNot;
  if (!journal_failure_.empty()) {
    reason = "the journal cannot be written: " + journal_failure_;
    return Rest::kJournalFails;
  }
  if (journal_full_) {
    reason = "the journal is full";
    return Rest::kJournalFull;
  }
  const auto presses = [&](const Chain* each) { return Presses(connection, *each); };
  if (const auto chain = std::ranges::find_if(backlog_full_, presses); chain != backlog_full_.end()) {
    reason = "chain '" + (*chain)->name + "' has filled its share of the journal";
    return Rest::kBacklogFull;
  }
  const auto chain = std::ranges::find_if(full_, presses);
  if (chain == full_.end()) return Rest::kNot;
  reason = "the queue of chain '" + (*chain)->name + "' is full";
  return Rest::kQueueFull;
}

bool Ladder::Presses(const Connection& connection, const Chain& chain) {
  return std::ranges::any_of(connection.feeds, [&chain](const Feed& feed) {
    return feed.presses && (feed.any_chain || feed.chains.contains(&chain));
  });
}

SteadyTime Ladder::OrderLeft(Connection& connection, SteadyTime now) const {
  SteadyTime leaves_at = kNever;
  if (connection.resting_since != kNever && options_.leave_share_after != Millis{0}) {
    leaves_at = connection.resting_since + options_.leave_share_after;
  }
  const bool leaves_all = now >= leaves_at;
  connection.order.left.clear();
  for (size_t i = 0; i < connection.feeds.size(); ++i) {
    if (!connection.feeds[i].shared) continue;
    if (leaves_all) {
      connection.order.left.push_back({.subscription = i, .why = Leave::kResting});
    } else if (OnlyAway(connection.feeds[i])) {
      connection.order.left.push_back({.subscription = i, .why = Leave::kNoWorkers});
    }
  }
  if (!leaves_all) return leaves_at;
  if (!connection.order.left.empty()) connection.order.reason += "; its shared filters are left to others";
  return kNever;
}

bool Ladder::OnlyAway(const Feed& feed) const {
  if (feed.any_chain) return false;
  return std::ranges::all_of(feed.chains, [this](const Chain* chain) { return workers_.at(chain).away; });
}

std::vector<Ladder::ChainState> Ladder::UnusualChains() const {
  std::map<std::string, ChainState> unusual;
  for (const Chain* chain : full_) unusual[chain->name].full = true;
  for (const Chain* chain : backlog_full_) unusual[chain->name].backlog_full = true;
  for (const auto& [chain, workers] : workers_) {
    if (workers.count == 0) unusual[chain->name].no_workers = true;
  }
  for (const Connection& connection : connections_) {
    for (const Order::Left& left : connection.order.left) {
      if (left.why != Leave::kNoWorkers) continue;
      for (const Chain* chain : connection.feeds[left.subscription].chains) unusual[chain->name].left = true;
    }
  }
  std::vector<ChainState> states;
  for (auto& [name, state] : unusual) {
    state.chain = name;
    states.push_back(std::move(state));
  }
  return states;
}

}  // namespace sluice
