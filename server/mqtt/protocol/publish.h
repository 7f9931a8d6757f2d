// PUBLISH, both ways (MQTT 5.0 §3.3, 3.1.1 §3.3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/message/message.h"
#include "server/mqtt/protocol/events.h"
#include "server/mqtt/protocol/fault.h"
#include "server/mqtt/protocol/packet.h"

namespace sluice::wire {

// Into `publish`, whose vectors keep their memory. With a Topic Alias the topic may be empty: see TopicAliases. With a
// fault `publish` says what could be read: its topic may be anything, its packet id is 0 where there is no telling.
Fault DecodePublish(const FixedHeader& header, std::string_view body, bool mqtt5, Publish& publish,
                    std::optional<uint16_t>& topic_alias);

struct PublishHead {
  uint16_t packet_id = 0;  // 0 with QoS 0.
  bool dup = false;
  std::optional<uint32_t> expiry_s;  // Set: instead of the message's own.
};
void AppendPublish(std::string& out, const OutboundMessage& message, const PublishHead& head, bool mqtt5);

}  // namespace sluice::wire
