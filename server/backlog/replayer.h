// Dead letters back to where they were going: messages into the journal and their chains' queues, replies into the
// outbox.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "server/admin/replay_sink.h"
#include "server/backlog/restorer.h"
#include "server/journal/journal.h"
#include "server/reply/outbox.h"
#include "server/route/chain_directory.h"
#include "server/route/route_table.h"
#include "server/route/router.h"
#include "server/runtime/clock.h"

namespace sluice {

// Thread-safe.
class Replayer final : public ReplaySink {
 public:
  struct Parts {
    const Clock& clock;
    Restorer& restorer;
    const ChainDirectory& chains;
    const RouteTable& routes;
    // Whether a route's template can name any chain, so that one which is not known yet may still be served.
    bool any_chain = false;
    Journal& journal;
    RoutedSink& next;
    Outbox& outbox;
    std::function<bool()> draining;  // Then nothing is taken any more.
  };
  explicit Replayer(Parts parts) : parts_(std::move(parts)) {}

  // A message goes with its id, without attempts and without expiry: whoever replays it wants it delivered.
  // FAILED_PRECONDITION: its connection, route or chain is not configured any more. UNAVAILABLE: the gateway drains.
  std::vector<absl::Status> Replay(std::vector<StoredLetter> letters) override;

 private:
  absl::Status Restore(StoredLetter letter, RoutedMessage& out) const;
  absl::Status Prepare(const StoredLetter& letter, OutboxItem& out) const;
  // Of `connection`; null: there is none any more.
  const Route* AnyRouteOf(const std::string& connection) const;

  const Parts parts_;
};

}  // namespace sluice
