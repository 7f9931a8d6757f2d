// Which topics replies may go to: `replies.allow`, and no topic that comes back in by one of the gateway's own routes.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/route/route.h"
#include "server/route/topic_trie.h"

namespace sluice {

// Immutable after construction, hence thread-safe.
class ReplyPermissions {
 public:
  // `allow` empty: everything but topics that begin with `$` (MQTT 5.0 §4.7.2). `routes`: all of the gateway, to tell
  // loops; ignored with `allow_loops`. `broker_of`: connection name to broker; routes on other brokers make no loop.
  ReplyPermissions(const std::vector<std::string>& allow, bool allow_loops, const std::vector<const Route*>& routes,
                   const std::map<std::string, std::string>& broker_of);

  // May a reply to a message of `route` go to `topic`, a valid topic name? If not, `why` says so for the worker.
  bool Permits(const Route& route, std::string_view topic, std::string& why) const;

 private:
  const bool allow_all_;
  TopicTrie allowed_;
  std::vector<const Route*> routes_;           // What the tries' values mean.
  std::map<std::string, TopicTrie> taken_in_;  // By broker; empty when loops are allowed.
  std::map<std::string, const TopicTrie*, std::less<>> by_connection_;
};

}  // namespace sluice
