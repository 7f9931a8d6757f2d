// Time as the SDK's parts take it: as a parameter, so that they are tested without waiting.
#pragma once

#include <chrono>

namespace sluice::client {

using SteadyTime = std::chrono::steady_clock::time_point;
using Millis = std::chrono::milliseconds;

inline constexpr SteadyTime kNever = SteadyTime::max();

inline SteadyTime Now() { return std::chrono::steady_clock::now(); }

}  // namespace sluice::client
