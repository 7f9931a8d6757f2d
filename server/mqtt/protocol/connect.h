// CONNECT with its will, and CONNACK (MQTT 5.0 §3.1, §3.2; 3.1.1 §3.1, §3.2).
#pragma once

#include <string>
#include <string_view>

#include "server/mqtt/protocol/client.h"
#include "server/mqtt/protocol/events.h"
#include "server/mqtt/protocol/fault.h"

namespace sluice::wire {

void AppendConnect(std::string& out, const ConnectOptions& options);

// What to say of an AUTH (MQTT 5.0 §3.15), which asks for a method of authentication that no CONNECT of ours has named.
std::string DescribeAuth(std::string_view body);

// The answer to a CONNECT with these options, into a new Connack.
Fault DecodeConnack(std::string_view body, const ConnectOptions& options, Connack& connack);

}  // namespace sluice::wire
