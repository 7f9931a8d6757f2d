// How many connections a listener takes, of whom, and how fast.
#pragma once

#include <cstddef>

#include "server/runtime/clock.h"

namespace sluice {

// 0 of a number: no limit.
struct AcceptLimits {
  // Open at once, those in their handshake included (workers.maxConnections); fewer where the process may not have so
  // many file descriptors (descriptor_limit.h). One more is closed at once.
  size_t connections = 10'000;
  // Of one IP address; of IPv6 of one /64, which is what a single host gets (workers.maxConnectionsPerAddress). Those
  // over a Unix socket have no address.
  size_t connections_per_address = 1'000;
  // Begun a second, over all addresses (workers.handshakesPerSecond); twice as many at once after a quiet time. What
  // comes faster waits in the kernel's backlog, where it costs nothing.
  size_t handshakes_per_second = 1'000;
  // Begun a second by one address (workers.handshakesPerSecondPerAddress); twice as many at once after a quiet time.
  // One more is closed at once, so that the others' do not wait behind those of one.
  size_t handshakes_per_second_per_address = 200;
  // From accept until TLS is agreed upon (workers.handshakeTimeout).
  Millis handshake_timeout{10'000};
};

}  // namespace sluice
