// The upper rungs of back-pressure: which intake connections rest, and which shared filters are left to other replicas.
//
//   a queue, a chain's share of the ──▶ intake rests: its        ──▶ for a while: it leaves its shared filters, too,
//   journal or all of it is full, or    broker keeps what comes      so that other replicas get what would come
//   it cannot be written
//   a chain has no worker for a while ─────────────────────────────▶ the shared filters that feed only such chains
//
// Pure logic: time comes as a parameter, what follows stands in orders. IntakeControl carries them out.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "server/route/subscription_plan.h"
#include "server/runtime/clock.h"

namespace sluice {

// Not thread-safe. Chains are of the gateway's directory. What is set shows in the orders after the next Advance().
class Ladder {
 public:
  struct Options {
    // How long a connection rests before it leaves all its shared filters, until it goes on. 0: it never does.
    Millis leave_share_after{0};
    // How long a chain has no worker before the shared filters that feed only such chains are left, until a worker
    // comes. 0: they never are.
    Millis no_workers_after{0};
  };

  // Why a connection rests. kDrained: an operator wants it (IntakeControl::Drain()).
  enum class Rest : uint8_t { kNot, kQueueFull, kBacklogFull, kJournalFull, kJournalFails, kDrained };
  // Why a shared filter is left.
  enum class Leave : uint8_t { kResting, kNoWorkers, kDrained };

  // What a connection is to do.
  struct Order {
    struct Left {
      size_t subscription = 0;  // Index in the connection's group.
      Leave why = Leave::kResting;
      friend bool operator==(const Left&, const Left&) = default;
    };
    Rest rest = Rest::kNot;
    std::string reason;      // Of the rest, for people.
    std::vector<Left> left;  // In the order of the indexes.
  };

  explicit Ladder(Options options) : options_(options) {}

  // Its number, from 0. Its chains count as without workers from `now` on.
  size_t AddConnection(const SubscriptionGroup& group, SteadyTime now);
  // From now on it has these subscriptions. How long it has rested stays known.
  void ChangeConnection(size_t connection, const SubscriptionGroup& group, SteadyTime now);
  void SetOptions(Options options) { options_ = options; }

  void SetQueueFull(const Chain& chain, bool full);
  // What waits in the journal behind the chain's queue is as much as may.
  void SetBacklogFull(const Chain& chain, bool full);
  void SetJournalFull(bool full) { journal_full_ = full; }
  // Empty: it can be written.
  void SetJournalFailure(std::string why) { journal_failure_ = std::move(why); }
  // Workers connected that serve the chain. Chains that only templates feed are passed over.
  void SetWorkers(const Chain& chain, size_t count, SteadyTime now);

  // Makes the orders those of `now`. Returns when time alone changes one of them; kNever: it does not.
  SteadyTime Advance(SteadyTime now);
  const Order& order(size_t connection) const { return connections_[connection].order; }

  bool journal_full() const { return journal_full_; }
  // What is not as usual with a chain, for people. Sorted by name.
  struct ChainState {
    std::string chain;
    bool full = false;
    bool backlog_full = false;
    bool no_workers = false;
    bool left = false;  // A shared filter of it is left because it has no worker.
  };
  std::vector<ChainState> UnusualChains() const;

 private:
  // One subscription, and what it feeds.
  struct Feed {
    bool shared = false;
    bool presses = false;    // QoS 1 or 2: it fills queues and the journal, QoS 0 is dropped at the bound.
    bool any_chain = false;  // A template's: can feed any chain, so none is known to be without workers.
    std::set<const Chain*> chains;
  };
  struct Connection {
    std::vector<Feed> feeds;
    bool presses = false;  // One of them does.
    SteadyTime resting_since = kNever;
    Order order;
  };
  struct Workers {
    size_t count = 0;
    SteadyTime none_since{};
    bool away = false;  // For as long as it takes.
  };

  Rest WhyRest(const Connection& connection, std::string& reason) const;
  static bool Presses(const Connection& connection, const Chain& chain);
  void OrderRest(Connection& connection, SteadyTime now) const;
  // Returns when more is to be left.
  SteadyTime OrderLeft(Connection& connection, SteadyTime now) const;
  bool OnlyAway(const Feed& feed) const;

  struct ByIndex {
    bool operator()(const Chain* a, const Chain* b) const { return a->index < b->index; }
  };

  // What `group` feeds. Its chains are known from then on.
  void SetFeeds(Connection& connection, const SubscriptionGroup& group, SteadyTime now);

  Options options_;
  std::vector<Connection> connections_;
  std::map<const Chain*, Workers, ByIndex> workers_;  // Of the chains that are fed by name.
  std::set<const Chain*, ByIndex> full_;
  std::set<const Chain*, ByIndex> backlog_full_;
  bool journal_full_ = false;
  std::string journal_failure_;
};

}  // namespace sluice
