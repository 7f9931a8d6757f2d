#include "server/message/message.h"

#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>

namespace sluice {
namespace {

size_t BytesOf(const Properties* properties) {
  if (properties == nullptr) return 0;
  size_t bytes = properties->content_type.size() + properties->response_topic.size();
  if (properties->correlation_data) bytes += properties->correlation_data->size();
  for (const auto& [name, value] : properties->user) bytes += name.size() + value.size();
  return bytes;
}

// Gets `extra` bytes more than asked for, and tells where they are: behind what std::allocate_shared makes.
template <typename T>
class TrailingAllocator {
 public:
  using value_type = T;

  TrailingAllocator(size_t extra, char** trailing) : extra_(extra), trailing_(trailing) {}
  template <typename U>
  TrailingAllocator(const TrailingAllocator<U>& other)  // NOLINT(google-explicit-constructor): rebinding.
      : extra_(other.extra_), trailing_(other.trailing_) {}

  T* allocate(size_t count) {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    void* block = ::operator new(count * sizeof(T) + extra_);
    *trailing_ = static_cast<char*>(block) + count * sizeof(T);
    return static_cast<T*>(block);
  }
  void deallocate(T* block, size_t /*count*/) { ::operator delete(block); }

  template <typename U>
  bool operator==(const TrailingAllocator<U>& /*other*/) const {
    return true;
  }

 private:
  template <typename U>
  friend class TrailingAllocator;

  size_t extra_;
  char** trailing_;  // Valid while it allocates.
};

}  // namespace

std::shared_ptr<Message> MakeMessage(std::string_view topic, std::string_view payload) {
  char* bytes = nullptr;
  auto message = std::allocate_shared<Message>(TrailingAllocator<Message>(topic.size() + payload.size(), &bytes));
  std::ranges::copy(topic, bytes);
  std::ranges::copy(payload, bytes + topic.size());
  message->topic = {bytes, topic.size()};
  message->payload = {bytes + topic.size(), payload.size()};
  return message;
}

std::shared_ptr<Message> WithProperties(const MessagePtr& message, std::unique_ptr<const Properties> properties) {
  auto other = std::make_shared<Message>();
  other->topic = message->topic;
  other->payload = message->payload;
  other->qos = message->qos;
  other->retain = message->retain;
  other->dup = message->dup;
  other->properties = std::move(properties);
  other->received = message->received;
  other->received_unix_ms = message->received_unix_ms;
  other->storage = message;
  return other;
}

size_t Message::bytes() const {
  // Of two strings beside their bytes: else properties without any would count as nothing.
  constexpr size_t kUserProperty = 64;
  const size_t user_properties = properties == nullptr ? 0 : properties->user.size();
  return topic.size() + payload.size() + BytesOf(properties.get()) + kUserProperty * user_properties;
}

SteadyTime Message::expires() const {
  if (properties == nullptr || !properties->expiry_s) return kNever;
  return received + std::chrono::seconds(*properties->expiry_s);
}

size_t OutboundMessage::bytes() const { return topic.size() + payload.size() + BytesOf(properties.get()); }

size_t OutboundMessage::footprint() const {
  // The message, its place in the outbox and in the connection's queue, and what the allocator adds.
  constexpr size_t kMessage = 512;
  // Two strings, which lie outside of themselves when they are long.
  constexpr size_t kUserProperty = 96;
  return kMessage + bytes() + (properties == nullptr ? 0 : kUserProperty * properties->user.size());
}

SteadyTime OutboundMessage::expires() const {
  if (properties == nullptr || !properties->expiry_s) return kNever;
  return made + std::chrono::seconds(std::max<uint32_t>(1, *properties->expiry_s));
}

std::optional<uint32_t> OutboundMessage::ExpiryLeft(SteadyTime now) const {
  if (properties == nullptr || !properties->expiry_s) return std::nullopt;
  const int64_t waited_s = std::chrono::duration_cast<std::chrono::seconds>(std::max(now, made) - made).count();
  return static_cast<uint32_t>(std::max<int64_t>(0, int64_t{*properties->expiry_s} - waited_s));
}

}  // namespace sluice
