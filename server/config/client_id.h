// The MQTT client id of a connection that has none of its own.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// "sluice-HOST-CONNECTION", the same at every start on one machine, so that a persistent session is found again.
std::string DerivedClientId(std::string host_name, std::string_view connection);

}  // namespace sluice
