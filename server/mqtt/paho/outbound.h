// An OutboundMessage as Paho publishes it.
#pragma once

#include <mqtt/message.h>

#include <memory>

#include "server/message/message.h"

namespace sluice::paho {

// Topic and payload are shared with `message`, not copied. Properties are left out unless `mqtt5`.
mqtt::const_message_ptr ToPaho(const std::shared_ptr<const OutboundMessage>& message, bool mqtt5);

}  // namespace sluice::paho
