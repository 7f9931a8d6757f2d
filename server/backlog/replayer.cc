#include "server/backlog/replayer.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/message/message_id.h"
#include "server/message/topic.h"
#include "server/message/topic_matcher.h"
#include "server/route/message_check.h"
#include "server/route/ordering_key.h"
#include "server/route/processors.h"
#include "server/route/target.h"

namespace sluice {
namespace {

absl::Status Gone(const char* what, const std::string& name) {
  return absl::FailedPreconditionError(absl::StrCat("the ", what, " '", name, "' is not configured any more"));
}

absl::Status TooManyChains(const std::string& name) {
  return absl::FailedPreconditionError(absl::StrCat(
      "messages have brought as many chains as they may (maxTemplateChains), so there is none of the name '", name,
      "' now"));
}

std::unique_ptr<Properties> WithoutExpiry(const Properties& properties) {
  auto copy = std::make_unique<Properties>(properties);
  copy->expiry_s.reset();
  return copy;
}

// The same bytes under a head of their own.
std::shared_ptr<Message> Renewed(const MessagePtr& message, const Clock& clock) {
  auto renewed = std::make_shared<Message>();
  renewed->topic = message->topic;
  renewed->payload = message->payload;
  renewed->qos = message->qos;
  renewed->retain = message->retain;
  renewed->dup = message->dup;
  if (message->properties != nullptr) renewed->properties = WithoutExpiry(*message->properties);
  renewed->received_unix_ms = message->received_unix_ms;
  // By the wall clock, which may have been set meanwhile.
  constexpr int64_t kMostAge = int64_t{1'000} * 3'600 * 24 * 3'650;
  const int64_t age = clock.UnixMillis() - message->received_unix_ms;
  renewed->received = clock.Now() - Millis(std::clamp<int64_t>(age, 0, kMostAge));
  renewed->storage = message;
  return renewed;
}

}  // namespace

std::vector<absl::Status> Replayer::Replay(std::vector<StoredLetter> letters) {
  std::vector<absl::Status> statuses(letters.size());
  if (parts_.draining()) {
    statuses.assign(letters.size(), absl::UnavailableError("the gateway is shutting down"));
    return statuses;
  }
  std::vector<RoutedMessage> messages;
  std::vector<size_t> message_at;
  std::vector<OutboxItem> replies;
  std::vector<size_t> reply_at;
  for (size_t i = 0; i < letters.size(); ++i) {
    if (letters[i].kind == StoredLetter::Kind::kReply) {
      OutboxItem item;
      statuses[i] = Prepare(letters[i], item);
      if (!statuses[i].ok()) continue;
      replies.push_back(std::move(item));
      reply_at.push_back(i);
    } else {
      statuses[i] = Restore(std::move(letters[i]), messages);
      message_at.resize(messages.size(), i);
    }
  }
  if (!messages.empty()) {
    const absl::Status status = parts_.journal.Append(messages);
    for (size_t i : message_at) statuses[i] = status;
    if (status.ok()) parts_.next.Enqueue(messages);
  }
  if (!replies.empty()) {
    std::vector<OutboxEntry> entries;
    entries.reserve(replies.size());
    for (const OutboxItem& item : replies) entries.push_back(item.entry);
    const absl::Status status = parts_.journal.Settle({}, entries);
    for (size_t i : reply_at) statuses[i] = status;
    for (size_t i = 0; i < replies.size(); ++i) replies[i].entry = std::move(entries[i]);
    if (status.ok()) parts_.outbox.Send(std::move(replies));
  }
  return statuses;
}

absl::Status Replayer::Restore(StoredLetter letter, std::vector<RoutedMessage>& out) const {
  if (AnyRouteOf(letter.connection) == nullptr) return Gone("connection", letter.connection);
  if (letter.chain.empty()) return RouteAnew(letter, out);
  const Route* route = parts_.routes.FindInService(letter.route);
  if (route == nullptr || route->connection != letter.connection) return Gone("route", letter.route);
  // One that a change of the configuration took away is still known.
  const bool configured = parts_.configured == nullptr || parts_.configured(letter.chain);
  ChainRef chain = configured ? parts_.chains.Find(letter.chain) : nullptr;
  if (chain == nullptr) {
    if (!parts_.may_name || !parts_.may_name(letter.chain)) return Gone("chain", letter.chain);
    chain = parts_.chains.ForMessage(letter.chain);  // Held until the restorer finds it.
    if (chain == nullptr) return TooManyChains(letter.chain);
  }
  RoutedMessage routed;
  absl::Status status = parts_.restorer.Restore({.id = letter.id,
                                                 .connection = std::move(letter.connection),
                                                 .route = std::move(letter.route),
                                                 .chain = std::move(letter.chain),
                                                 .start_node = std::move(letter.start_node),
                                                 .message = Renewed(letter.message, parts_.clock)},
                                                routed);
  if (status.ok()) out.push_back(std::move(routed));
  return status;
}

absl::Status Replayer::RouteAnew(const StoredLetter& letter, std::vector<RoutedMessage>& out) const {
  absl::Status valid = CheckTopicName(letter.message->topic);
  if (valid.ok() && letter.message->properties != nullptr) valid = CheckProperties(*letter.message->properties);
  if (!valid.ok()) {
    return absl::FailedPreconditionError(absl::StrCat("no worker could be given it: ", valid.message()));
  }
  std::vector<const Route*> routes;
  if (const Route* route = parts_.routes.FindInService(letter.route);
      route != nullptr && route->connection == letter.connection) {
    routes.push_back(route);
  } else {
    for (const Route* each : parts_.routes.RoutesOf(letter.connection)) {
      if (FilterMatches(each->filter, letter.message->topic)) routes.push_back(each);
    }
  }
  if (routes.empty()) return absl::FailedPreconditionError("no route of its connection takes its topic");
  const MessagePtr message = Renewed(letter.message, parts_.clock);
  std::vector<RoutedMessage> routed(routes.size());
  for (size_t i = 0; i < routes.size(); ++i) {
    routed[i].id = i == 0 ? letter.id : NextMessageId(message->received_unix_ms);
    if (absl::Status status = RouteTo(*routes[i], message, routed[i]); !status.ok()) return status;
  }
  std::ranges::move(routed, std::back_inserter(out));
  return absl::OkStatus();
}

absl::Status Replayer::RouteTo(const Route& route, const MessagePtr& message, RoutedMessage& out) const {
  out.route = &route;
  out.chain = route.target.chain;
  out.start_node = route.target.start_node;
  if (out.chain == nullptr) {
    std::string chain;
    if (!route.target.pattern->Resolve(*message, chain, out.start_node)) {
      return absl::FailedPreconditionError(route.target.pattern->WhyNot(*message));
    }
    out.chain = parts_.chains.ForMessage(chain);
    if (out.chain == nullptr) return TooManyChains(chain);
  }
  out.message = route.to_hex ? WithHexPayload(message) : message;
  out.ordering_key = OrderingKey(out.chain->options().order_by, out.message->topic);
  return absl::OkStatus();
}

absl::Status Replayer::Prepare(const StoredLetter& letter, OutboxItem& out) const {
  out.route = AnyRouteOf(letter.connection);
  if (out.route == nullptr) return Gone("connection", letter.connection);
  auto outbound = std::make_shared<OutboundMessage>();
  outbound->topic = std::string(letter.message->topic);
  outbound->payload = std::string(letter.message->payload);
  outbound->qos = letter.message->qos;
  outbound->retain = letter.message->retain;
  if (letter.message->properties != nullptr) outbound->properties = WithoutExpiry(*letter.message->properties);
  if (parts_.check_reply) {
    if (absl::Status status = parts_.check_reply(*outbound, *out.route); !status.ok()) return status;
  }
  out.entry = {.message = std::move(outbound), .record = 0, .connection = out.route->connection};
  out.wait_for_connection = true;
  return absl::OkStatus();
}

const Route* Replayer::AnyRouteOf(const std::string& connection) const {
  const std::vector<const Route*> routes = parts_.routes.RoutesOf(connection);
  return routes.empty() ? nullptr : routes.front();
}

}  // namespace sluice
