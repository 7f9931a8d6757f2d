// Text of unknown origin as a JSON string.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// Appends `text` to `out` in double quotes, as a JSON string (RFC 8259 §7) that is always valid UTF-8: bytes that are
// not become U+FFFD. Control characters, C1 ones too, are escaped, so that the result is also safe on a terminal.
void AppendJsonString(std::string& out, std::string_view text);

}  // namespace sluice
