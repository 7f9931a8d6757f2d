// What a file holds that holds a secret token.
#pragma once

#include <algorithm>
#include <string_view>

namespace sluice {

// Without the line's end that an editor puts there.
inline std::string_view TokenOf(std::string_view content) {
  if (content.ends_with('\n')) content.remove_suffix(1);
  if (content.ends_with('\r')) content.remove_suffix(1);
  return content;
}

// Whether it can be sent in a header: visible ASCII, no blanks, 1 to 1,024 bytes.
inline bool IsToken(std::string_view content) {
  const std::string_view token = TokenOf(content);
  return !token.empty() && token.size() <= 1'024 &&
         std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

}  // namespace sluice
