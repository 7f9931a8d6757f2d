// A password that stands in a file, which whoever rotates it replaces.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace sluice {

inline constexpr size_t kLongestPassword = 65'535;  // In bytes; MQTT 5.0 §3.1.3.6.

// The password in such a file's `content`: all but one line break at the end.
std::string PasswordOf(std::string content);

// What the file holds now. Never waits: a pipe or a device is an error. The error names the file and what is wrong (it may
// be longer than MQTT can send), and shows nothing of its content.
absl::StatusOr<std::string> ReadPasswordFile(const std::string& path);

}  // namespace sluice
