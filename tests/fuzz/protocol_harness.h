// Drives wire::Client with what any bytes say, and checks what must hold whatever they say. Aborts when it does not.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::wire {

// `input`: a byte of options, then steps: a byte that names one, and what it needs. See the implementation.
void RunProtocolInput(std::string_view input);

// Inputs that lead through every exchange, to begin with.
std::vector<std::string> ProtocolSeeds();

}  // namespace sluice::wire
