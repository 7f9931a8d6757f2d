#pragma once

#include <cstdint>

namespace sluice {

// A TCP port of 127.0.0.1 that nobody listens on right now. Nothing keeps it free: for programs that cannot listen
// on port 0 and say what they got. Whoever starts one tries again with another port when it was taken meanwhile.
uint16_t FreePort();

// Whether something accepts connections on 127.0.0.1:`port`.
bool PortAccepts(uint16_t port);

}  // namespace sluice
