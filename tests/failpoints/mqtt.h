// MQTT connections that die at their failpoints.
#pragma once

#include <memory>

#include "server/gateway.h"
#include "tests/failpoints/failpoint.h"

namespace sluice {

// `drivers` with the failpoint, which outlives them, before and behind what they do.
MqttDrivers WithFailpoint(const MqttDrivers& drivers, Failpoint& failpoint);

}  // namespace sluice
