// From a PUBLISH to the gateway's message.
#pragma once

#include <memory>

#include "server/mqtt/intake.h"
#include "server/mqtt/protocol/events.h"
#include "server/runtime/clock.h"

namespace sluice::wire {

// When it came in; the same for all that one read brought.
struct Arrival {
  SteadyTime steady;
  int64_t unix_ms = 0;
};

// With `storage` the message keeps that alive and its payload is not copied. Without, topic and payload are copied
// into one block with the message: a message that waits for long then holds its own bytes only, not the whole read.
InboundMessage ToInbound(const Publish& publish, const std::shared_ptr<const void>& storage, const Arrival& arrival);
// Of a PUBLISH that is malformed: undeliverable, without a topic; its payload is the packet as it came, or the front.
InboundMessage ToInbound(const BadPacket& packet, const Arrival& arrival);

}  // namespace sluice::wire
