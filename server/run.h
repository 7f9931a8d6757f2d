// The program around the gateway: reads the configuration, runs the gateway until a signal, drains.
#pragma once

#include <string>
#include <vector>

#include "server/gateway.h"

namespace sluice {

// Exit status of an end that left something over: the drain overran, or a second signal cut it short. What is wrong
// before the gateway serves is 1 (the configuration, an address, the journal) or 2 (the command line).
inline constexpr int kExitLeftOver = 3;

// `arguments` without the program's name; returns the exit status. Blocks SIGTERM, SIGINT and SIGHUP, so call it in
// main, before the first thread. A second SIGTERM or SIGINT ends the process at once; SIGHUP has the configuration read anew.
int RunGateway(const std::vector<std::string>& arguments, GatewayParts parts);

}  // namespace sluice
