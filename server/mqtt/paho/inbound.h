// A message as Paho hands it over, as the gateway carries it.
#pragma once

#include <mqtt/message.h>

#include "server/mqtt/intake.h"
#include "server/runtime/clock.h"

namespace sluice::paho {

// Topic and payload are views into `message`, which becomes the storage; properties are copied. One whose topic is not a
// topic name is undeliverable, and has no topic; one with a property that MQTT does not allow is undeliverable, without
// that property. What else may be wrong with a packet Paho has made its own mind up about: it closes, or takes it.
InboundMessage FromPaho(const mqtt::const_message_ptr& message, const Clock& clock);

}  // namespace sluice::paho
