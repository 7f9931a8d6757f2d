// MQTT connections that die at their failpoints.
#pragma once

#include <memory>

#include "server/gateway.h"
#include "tests/failpoints/failpoint.h"
#include "tests/failpoints/poison.h"

namespace sluice {

// `drivers` with the failpoint and the poison, which outlive them, before and behind what they do.
MqttDrivers WithFailpoint(const MqttDrivers& drivers, Failpoint& failpoint, const Poison& poison);

}  // namespace sluice
