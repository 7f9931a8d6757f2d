// Digests, by OpenSSL.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// The SHA-256 of `text`: 64 hexadecimal digits, as `sha256sum` prints them.
std::string Sha256Hex(std::string_view text);

}  // namespace sluice
