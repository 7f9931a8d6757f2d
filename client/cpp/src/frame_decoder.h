// A gateway's frame, read.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "client/cpp/src/proto.h"
#include "sluice/message.h"
#include "sluice/settlement.h"
#include "sluice/status.h"

namespace sluice::client {

struct GatewayParts {
  std::optional<v1::Welcome> welcome;
  std::vector<Message> deliveries;  // Views into the frame.
  std::vector<ItemResult> results;
  std::vector<uint64_t> revokes;  // Delivery ids.
  std::optional<uint64_t> ping;   // Nonces.
  std::optional<uint64_t> pong;
  std::optional<v1::Drain> drain;
};

// INVALID_ARGUMENT: not an encoded GatewayFrame, or a delivery without an id.
Status DecodeFrame(std::string_view frame, GatewayParts& parts);

// What the window counts: payload, topic and properties.
uint64_t WindowBytes(const Message& message);

}  // namespace sluice::client
