// A message as Paho hands it over, as the gateway carries it.
#pragma once

#include <mqtt/message.h>

#include "absl/status/statusor.h"
#include "server/mqtt/driver.h"
#include "server/runtime/clock.h"

namespace sluice::paho {

// Topic and payload are views into `message`, which becomes the storage; properties are copied, and those that are no
// valid MQTT strings left out. kInvalidArgument: the topic is not a topic name, which no broker should send.
absl::StatusOr<InboundMessage> FromPaho(const mqtt::const_message_ptr& message, const Clock& clock);

}  // namespace sluice::paho
