#include "server/backlog/replayer.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

absl::Status Gone(const char* what, const std::string& name) {
  return absl::FailedPreconditionError(absl::StrCat("the ", what, " '", name, "' is not configured any more"));
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
      RoutedMessage routed;
      statuses[i] = Restore(std::move(letters[i]), routed);
      if (!statuses[i].ok()) continue;
      messages.push_back(std::move(routed));
      message_at.push_back(i);
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

absl::Status Replayer::Restore(StoredLetter letter, RoutedMessage& out) const {
  if (AnyRouteOf(letter.connection) == nullptr) return Gone("connection", letter.connection);
  const Route* route = parts_.routes.Find(letter.route);
  if (route == nullptr || route->connection != letter.connection) return Gone("route", letter.route);
  if (!parts_.any_chain && parts_.chains.Find(letter.chain) == nullptr) return Gone("chain", letter.chain);
  return parts_.restorer.Restore({.id = letter.id,
                                  .connection = std::move(letter.connection),
                                  .route = std::move(letter.route),
                                  .chain = std::move(letter.chain),
                                  .start_node = std::move(letter.start_node),
                                  .message = Renewed(letter.message, parts_.clock)},
                                 out);
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
  out.entry = {.message = std::move(outbound), .record = 0, .connection = out.route->connection};
  out.wait_for_connection = true;
  return absl::OkStatus();
}

const Route* Replayer::AnyRouteOf(const std::string& connection) const {
  const std::vector<const Route*> routes = parts_.routes.RoutesOf(connection);
  return routes.empty() ? nullptr : routes.front();
}

}  // namespace sluice
