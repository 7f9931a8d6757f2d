#include "server/message/message.h"

namespace sluice {
namespace {

size_t BytesOf(const Properties* properties) {
  if (properties == nullptr) return 0;
  size_t bytes = properties->content_type.size() + properties->response_topic.size();
  if (properties->correlation_data) bytes += properties->correlation_data->size();
  for (const auto& [name, value] : properties->user) bytes += name.size() + value.size();
  return bytes;
}

}  // namespace

size_t Message::bytes() const { return topic.size() + payload.size() + BytesOf(properties.get()); }

SteadyTime Message::expires() const {
  if (properties == nullptr || !properties->expiry_s) return kNever;
  return received + std::chrono::seconds(*properties->expiry_s);
}

size_t OutboundMessage::bytes() const { return topic.size() + payload.size() + BytesOf(properties.get()); }

}  // namespace sluice
