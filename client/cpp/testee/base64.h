// Base64 with padding (RFC 4648 §4).
#pragma once

#include <string>
#include <string_view>

namespace sluice::testee {

std::string ToBase64(std::string_view bytes);
// What comes from the suite is valid; of anything else, what stands before the first wrong character.
std::string FromBase64(std::string_view text);

}  // namespace sluice::testee
