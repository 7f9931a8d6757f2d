// Names of chains with `*` in them.
#pragma once

#include <string_view>

namespace sluice {

// `*` stands for any characters, also none. Takes no longer than the product of both lengths.
bool MatchesChainPattern(std::string_view pattern, std::string_view name);

}  // namespace sluice
