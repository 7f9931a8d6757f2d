// Which connections are to one broker.
#pragma once

#include <map>
#include <string>

#include "server/mqtt/options.h"

namespace sluice {

// Each connection's name, to a text that is the same for all that may be to one broker: those that name the same server
// (BrokerIdentity()), directly or over the lists of others.
std::map<std::string, std::string> BrokerOfEach(const std::map<std::string, MqttOptions>& connections);

}  // namespace sluice
