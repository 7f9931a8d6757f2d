// What a worker says of a delivery when it settles it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice {

enum class Verdict : uint8_t { kAck, kRetry, kReject, kDrop };
// In metrics, and for people.
constexpr std::array<std::string_view, 4> kVerdictNames = {"ack", "retry", "reject", "drop"};

}  // namespace sluice
