// The client ids that one configured connection uses at its broker.
#pragma once

#include <cstddef>
#include <string>

#include "server/mqtt/options.h"

namespace sluice {

// Of the connection for replies. Empty: the broker chooses, as it does for intake.
std::string RepliesClientId(const MqttOptions& options);

// Of the intake connection of this subscription group, the first being 0. Empty: the broker chooses.
std::string IntakeClientId(const MqttOptions& options, size_t group);

}  // namespace sluice
