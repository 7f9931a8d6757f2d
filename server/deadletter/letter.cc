#include "server/deadletter/letter.h"

namespace sluice {
namespace {

// What a row costs beyond the bytes that are counted one by one.
constexpr size_t kRowBytes = 200;

}  // namespace

size_t StoredLetter::bytes() const {
  return kRowBytes + message->bytes() + connection.size() + route.size() + chain.size() + start_node.size() +
         reason.size() + worker.size();
}

MessagePtr MessageOf(const std::shared_ptr<const OutboundMessage>& reply) {
  auto message = std::make_shared<Message>();
  message->topic = reply->topic;
  message->payload = reply->payload;
  message->qos = reply->qos;
  message->retain = reply->retain;
  if (reply->properties != nullptr) message->properties = std::make_unique<Properties>(*reply->properties);
  message->storage = reply;
  return message;
}

}  // namespace sluice
