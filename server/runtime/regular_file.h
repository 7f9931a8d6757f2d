// Files that are read again while the gateway runs.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace sluice {

// The whole of a regular file. Others may put something else in its place: a pipe or a device is an error, and nobody
// waits for it. The error is a reason, such as "No such file or directory", without the path; OUT_OF_RANGE: the file has
// more than `largest` bytes.
absl::StatusOr<std::string> ReadRegularFile(const std::string& path, size_t largest);

}  // namespace sluice
