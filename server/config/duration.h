// Durations as people write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/runtime/clock.h"

namespace sluice {

// "500ms", "30s", "1m30s", "24h", or "0". Whole numbers, units ms, s, m and h, in any order, added up. Anything else,
// also more than 10,000 days, is nullopt; so is a number without a unit.
std::optional<Millis> ParseDuration(std::string_view text);

// A whole number as seconds, anything else as ParseDuration: RuleGo's way.
std::optional<Millis> ParseDurationOrSeconds(std::string_view text);

// As ParseDuration takes it: "1m30s", "0".
std::string FormatDuration(Millis duration);

}  // namespace sluice
