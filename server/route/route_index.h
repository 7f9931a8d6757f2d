// Finds the routes of a message that one intake connection received.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/mqtt/intake.h"
#include "server/route/route.h"
#include "server/route/subscription_plan.h"
#include "server/route/topic_trie.h"

namespace sluice {

// Immutable; a change of routes makes a new one. Thread-safe.
class RouteIndex {
 public:
  // Of what the connection subscribes to. Keeps pointers to the group's routes, not the group.
  // `retired`: what it subscribed to before. Of these messages may still come, and go where they would have gone; where
  // a topic alone is matched, to those of `group` rather.
  explicit RouteIndex(const SubscriptionGroup& group, const SubscriptionGroup& retired = {});

  enum class FoundBy : uint8_t {
    kIdentifier,         // Its subscription identifiers say for which subscriptions it was sent.
    kTopic,              // It has none, as always with MQTT 3.1.1: all filters of the connection that match.
    kUnknownIdentifier,  // For none, since none of its identifiers is known: the broker's session still has a
                         // subscription of an earlier configuration. A route whose filter matches gets, or another
                         // gateway got, a copy of its own.
  };

  // Puts the positions in routes() of those that get this copy into `found`, each once. Allocates only what `found` and
  // `scratch` need to grow.
  FoundBy Find(const InboundMessage& inbound, std::vector<uint32_t>& scratch, std::vector<uint32_t>& found) const;

  std::span<const Route* const> routes() const { return routes_; }

 private:
  // Positions in routes_ of one subscription's routes.
  struct Range {
    uint32_t begin = 0;
    uint32_t end = 0;
  };

  void Add(const PlannedSubscription& planned, TopicTrie& by_topic);

  std::vector<const Route*> routes_;
  std::vector<Range> subscriptions_;
  absl::flat_hash_map<uint32_t, uint32_t> by_id_;  // Subscription identifier → position in subscriptions_.
  TopicTrie by_topic_;                             // Values are positions in subscriptions_.
  TopicTrie retired_;                              // Likewise.
};

}  // namespace sluice
