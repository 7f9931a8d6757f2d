// How many file descriptors the process may have.
#pragma once

#include <cstddef>

namespace sluice {

// Raises the soft limit (RLIMIT_NOFILE) to the hard one, and returns what it is then. A soft limit of 1,024, which many
// systems start processes with, is for programs that use select(). Once, at the start of the process.
size_t RaiseDescriptorLimit();

// What it is now.
size_t DescriptorLimit();

// How many connections all listeners together may have below `limit`: a quarter of it, at most 512, is left to
// brokers, files, and the probes that ask how it is.
size_t DescriptorsForConnections(size_t limit);

}  // namespace sluice
