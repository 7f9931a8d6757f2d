// The program around the gateway: reads the configuration, runs the gateway until a signal, drains.
#pragma once

#include <string>
#include <vector>

#include "server/gateway.h"

namespace sluice {

// `arguments` without the program's name; returns the exit status. Blocks SIGTERM and SIGINT, so call it in main,
// before the first thread. A second signal ends the process at once.
int RunGateway(const std::vector<std::string>& arguments, GatewayParts parts);

}  // namespace sluice
