// Dead letters back to where they were going: messages into the journal and their chains' queues, replies into the
// outbox.
#pragma once

#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "server/admin/replay_sink.h"
#include "server/backlog/restorer.h"
#include "server/journal/journal.h"
#include "server/reply/outbox.h"
#include "server/route/chain_directory.h"
#include "server/route/route_table.h"
#include "server/router/router.h"
#include "server/runtime/clock.h"

namespace sluice {

// Thread-safe.
class Replayer final : public ReplaySink {
 public:
  struct Parts {
    const Clock& clock;
    Restorer& restorer;
    ChainDirectory& chains;
    const RouteTable& routes;
    // Whether the configuration names the chain, in `chains` or as a route's target. Null: it names all that are known.
    std::function<bool(std::string_view chain)> configured{};
    // Whether a route's template can name the chain, so that one which is not known yet may still be served. Null: no.
    std::function<bool(std::string_view chain)> may_name{};
    Journal& journal;
    RoutedSink& next;
    Outbox& outbox;
    // Why a reply may not be published; none: every one may.
    std::function<absl::Status(const OutboundMessage& reply, const Route& route)> check_reply;
    std::function<bool()> draining;  // Then nothing is taken any more.
  };
  explicit Replayer(Parts parts) : parts_(std::move(parts)) {}

  // A message goes with its id, without attempts and without expiry: whoever replays it wants it delivered.
  // One that no chain could take is routed anew. FAILED_PRECONDITION: its connection, route or chain is not configured
  // any more, or there still is none for it. UNAVAILABLE: the gateway drains.
  std::vector<absl::Status> Replay(std::vector<StoredLetter> letters) override;

 private:
  // Adds what becomes of it to `out`; nothing on an error.
  absl::Status Restore(StoredLetter letter, std::vector<RoutedMessage>& out) const;
  // One that has no chain, to all routes that take it.
  absl::Status RouteAnew(const StoredLetter& letter, std::vector<RoutedMessage>& out) const;
  absl::Status RouteTo(const Route& route, const MessagePtr& message, RoutedMessage& out) const;
  absl::Status Prepare(const StoredLetter& letter, OutboxItem& out) const;
  // Of `connection`; null: there is none any more.
  const Route* AnyRouteOf(const std::string& connection) const;

  const Parts parts_;
};

}  // namespace sluice
