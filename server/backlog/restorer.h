// What a journal gives back by names becomes what the stages work with: routes and chains of this process.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "server/journal/recovered.h"
#include "server/route/chain_directory.h"
#include "server/route/route_table.h"
#include "server/runtime/live.h"
#include "server/runtime/mutex.h"

namespace sluice {

// Thread-safe.
class Restorer {
 public:
  // `connections`: all that are configured. `chains` and `routes` outlive it.
  Restorer(std::set<std::string> connections, ChainDirectory& chains, const RouteTable& routes);
  Restorer(const Restorer&) = delete;
  Restorer& operator=(const Restorer&) = delete;

  // With its route, or, where that is not configured any more, one made up for it, which does nothing to messages and
  // replies. FAILED_PRECONDITION: its connection is not configured any more; `out` is whole all the same, but its
  // replies could go nowhere.
  absl::Status Restore(RecoveredMessage message, RoutedMessage& out);
  void SetConnections(std::set<std::string> connections) { connections_.Set(std::move(connections)); }

 private:
  const Route& RouteOf(const RecoveredMessage& message);

  Live<std::set<std::string>> connections_;
  ChainDirectory& chains_;
  const RouteTable& routes_;

  Mutex mutex_;
  // By id and connection. They live as long as this, since messages point at them.
  std::map<std::pair<std::string, std::string>, std::unique_ptr<const Route>> gone_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
