#include "server/backlog/restorer.h"

#include "absl/strings/str_cat.h"
#include "server/route/ordering_key.h"

namespace sluice {

Restorer::Restorer(std::set<std::string> connections, ChainDirectory& chains, const RouteTable& routes)
    : connections_(std::move(connections)), chains_(chains), routes_(routes) {}

absl::Status Restorer::Restore(RecoveredMessage message, RoutedMessage& out) {
  out.chain = chains_.ForJournal(message.chain);
  out.route = &RouteOf(message);
  out.message = std::move(message.message);
  out.start_node = std::move(message.start_node);
  out.ordering_key = OrderingKey(out.chain->options().order_by, out.message->topic);
  out.id = message.id;
  out.record = message.record;
  out.attempts = message.attempts;
  if (connections_.Get()->contains(message.connection)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the connection '", message.connection, "' is not configured any more"));
}

const Route& Restorer::RouteOf(const RecoveredMessage& message) {
  const Route* configured = routes_.Find(message.route);
  if (configured != nullptr && configured->connection == message.connection) return *configured;
  MutexLock lock(mutex_);
  std::unique_ptr<const Route>& route = gone_[{message.route, message.connection}];
  if (route == nullptr) {
    auto made_up = std::make_unique<Route>();
    made_up->id = message.route;
    made_up->connection = message.connection;
    route = std::move(made_up);
  }
  return *route;
}

}  // namespace sluice
