#pragma once

#include <cstdint>

namespace sluice {

// A TCP port of 127.0.0.1 for a server that must be told one. It is below those that the kernel gives to outgoing connections and to
// servers without a wish, and no other test, in C++ or Python, is given it as long as this process lives: nobody else takes
// it meanwhile. Throws std::runtime_error if there is none. Thread-safe.
uint16_t FreePort();

// Whether something accepts connections on 127.0.0.1:`port`.
bool PortAccepts(uint16_t port);

}  // namespace sluice
