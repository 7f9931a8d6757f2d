// A dead letter as it is kept: a message that no worker could settle, or a reply that its broker or the gateway
// refused.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "server/message/message.h"
#include "server/message/message_id.h"

namespace sluice {

struct StoredLetter {
  enum class Kind : uint8_t { kMessage = 1, kReply = 2 };  // The numbers are the database's.

  Kind kind = Kind::kMessage;
  MessageId id;            // Of a reply: its own, made when it died.
  MessageId answers;       // Of a reply: the message it answers, where that is known; else zero.
  std::string connection;  // Where it came from; of a reply: where it was to be published.
  std::string route;       // These three are empty for a reply whose message nobody knows any more.
  std::string chain;
  std::string start_node;
  // Topic, payload, QoS, retain, properties, and when it was received (of a reply: 0). Shared, not copied.
  MessagePtr message;
  int64_t died_unix_ms = 0;
  uint32_t attempts = 0;
  std::string reason;
  std::string worker;  // The last that had it; may be empty.

  // What the bounds on bytes count.
  size_t bytes() const;
};

// A reply's topic, payload and properties, which stay in `reply`.
MessagePtr MessageOf(const std::shared_ptr<const OutboundMessage>& reply);

}  // namespace sluice
