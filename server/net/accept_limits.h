// How many connections a listener takes, of whom, and how fast.
#pragma once

#include <cstddef>

#include "server/runtime/clock.h"

namespace sluice {

// 0 of a number: no limit.
struct AcceptLimits {
  // Open at once, those in their handshake included (workers.maxConnections). One more is closed at once: ~30 KiB each.
  size_t connections = 10'000;
  // Of one IP address; of IPv6 of one /64, which is what a single host gets (workers.maxConnectionsPerAddress). Those
  // over a Unix socket have no address.
  size_t connections_per_address = 1'000;
  // Begun a second, over all addresses (workers.handshakesPerSecond); twice as many at once after a quiet second. What
  // comes faster waits in the kernel's backlog, where it costs nothing, and what does not fit in there is tried again
  // by its client's TCP.
  size_t handshakes_per_second = 500;
  // From accept until TLS is agreed upon (workers.handshakeTimeout). 0: five minutes.
  Millis handshake_timeout{10'000};
};

}  // namespace sluice
