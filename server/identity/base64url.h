// base64url as JSON Web Signatures have it (RFC 7515 §2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// Nothing: not the one way to write some bytes. Padding, blanks, letters of another alphabet and left-over bits that
// are not zero are refused, so that no two texts are one token.
std::optional<std::string> DecodeBase64Url(std::string_view text);

}  // namespace sluice
