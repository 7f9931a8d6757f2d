#include "server/reply/dead_letters.h"

#include <memory>
#include <string>
#include <utility>

#include "server/telemetry/log.h"

namespace sluice {
namespace {

std::shared_ptr<const OutboundMessage> ToOutbound(const DeadLetter& letter) {
  const RoutedMessage& routed = letter.message;
  const Message& message = *routed.message;
  auto properties = std::make_unique<Properties>();
  if (message.properties != nullptr) {
    properties->content_type = message.properties->content_type;
    properties->response_topic = message.properties->response_topic;
    properties->correlation_data = message.properties->correlation_data;
    properties->user = message.properties->user;
  }
  UserProperties& user = properties->user;
  user.emplace_back("sluice-reason", letter.reason);
  user.emplace_back("sluice-attempts", std::to_string(routed.attempts));
  user.emplace_back("sluice-topic", message.topic);
  user.emplace_back("sluice-chain", routed.chain->name);
  user.emplace_back("sluice-route", routed.route->id);
  user.emplace_back("sluice-message-id", routed.id.ToString());
  if (!letter.worker.empty()) user.emplace_back("sluice-worker", letter.worker);

  auto outbound = std::make_shared<OutboundMessage>();
  outbound->topic = routed.chain->options.dead_letter_topic;
  outbound->payload = std::string(message.payload);
  outbound->qos = routed.chain->options.dead_letter_qos;
  outbound->properties = std::move(properties);
  return outbound;
}

}  // namespace

void DeadLetters::Take(std::vector<DeadLetter> letters) {
  std::vector<RecordId> records;
  std::vector<OutboxEntry> entries;
  std::vector<const Route*> routes;
  std::vector<ReplyOrigin> origins;
  records.reserve(letters.size());
  for (const DeadLetter& letter : letters) {
    records.push_back(letter.message.record);
    if (letter.message.chain->options.dead_letter_topic.empty()) continue;
    entries.push_back({ToOutbound(letter), 0, letter.message.route->connection});
    routes.push_back(letter.message.route);
    origins.push_back({.results = {}, .chain = letter.message.chain, .message_id = letter.message.id});
  }
  if (log_limit_.Admit("message dead-lettered", "")) {
    const DeadLetter& letter = letters.front();
    bool published = !letter.message.chain->options.dead_letter_topic.empty();
    log::Warning("message dead-lettered", {{"chain", letter.message.chain->name},
                                           {"message_id", letter.message.id.ToString()},
                                           {"topic", letter.message.message->topic},
                                           {"reason", letter.reason},
                                           {"worker", letter.worker},
                                           {"published_to", published ? letter.message.chain->options.dead_letter_topic
                                                                      : "nowhere: the chain has no deadLetterTopic"},
                                           {"more_in_batch", letters.size() - 1}});
  }
  if (absl::Status status = journal_.Settle(records, entries); !status.ok()) {
    log::Error("dead letters could not be journaled", {{"error", status.ToString()}, {"count", letters.size()}});
    return;
  }
  std::vector<OutboxItem> items;
  items.reserve(entries.size());
  for (size_t i = 0; i < entries.size(); ++i) items.push_back({routes[i], std::move(entries[i]), true, origins[i]});
  if (!items.empty()) outbox_.Send(std::move(items));
}

}  // namespace sluice
