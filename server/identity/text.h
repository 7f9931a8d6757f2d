// What strangers wrote: how it is compared and shown.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// At most 128 bytes, and without anything but printable ASCII: a log line stays one, and looks like what it is.
inline std::string Printable(std::string_view text) {
  constexpr size_t kMost = 128;
  std::string shown(text.substr(0, kMost));
  for (char& c : shown) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  if (text.size() > kMost) shown += "...";
  return shown;
}

inline bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace sluice
