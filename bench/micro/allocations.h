// Counts the allocations of the process, for benchmarks that state them.
#pragma once

#include <cstdint>

namespace sluice {

// Calls of operator new since the process began. A program that links allocations.cc has its operator new replaced.
uint64_t Allocations();

}  // namespace sluice
