// Drives rpc::Http2Session with what any bytes say, and checks what must hold whatever they say. Aborts when it does
// not.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::rpc {

// `input`: a byte of options, then steps: a byte that names one, and what it needs. See the implementation.
void RunSessionInput(std::string_view input);
// Inputs that lead through every kind of call, to begin with.
std::vector<std::string> SessionSeeds();

// What a single call's bytes may be: a byte of options, then the bytes, in chunks that the bytes themselves say.
void RunMessageInput(std::string_view input);
std::vector<std::string> MessageSeeds();

}  // namespace sluice::rpc
