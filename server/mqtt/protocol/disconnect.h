// DISCONNECT, both ways (MQTT 5.0 §3.14, 3.1.1 §3.14). AUTH (MQTT 5.0 §3.15) needs no decoding: CONNECT never asks for
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/mqtt/protocol/events.h"
#include "server/mqtt/protocol/fault.h"

namespace sluice::wire {

// From a broker, MQTT 5.
Fault DecodeDisconnect(std::string_view body, Disconnected& disconnected);

// MQTT 5, in the shortest form.
void AppendDisconnect(std::string& out, uint8_t reason, std::optional<uint32_t> session_expiry_s);
// MQTT 3.1.1 has one that means a clean end, and no other.
void AppendDisconnect(std::string& out);

}  // namespace sluice::wire
