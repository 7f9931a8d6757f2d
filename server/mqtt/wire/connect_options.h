// What a connection says of itself in CONNECT.
#pragma once

#include "server/mqtt/options.h"
#include "server/mqtt/protocol/client.h"
#include "server/mqtt/wire/link.h"
#include "server/mqtt/wire/presence.h"

namespace sluice::wire {

ConnectOptions OptionsOf(const MqttOptions& options, Link::Role role, const Presence& presence);

}  // namespace sluice::wire
