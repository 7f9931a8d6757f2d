// Whether the gateway can have a directory to write to.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace sluice {

// The bytes of the file system that `path` is on. It may be made later, with the directories above it. The error says
// why it cannot be had or not be written to, and names the part of the path that is at fault. Makes nothing.
absl::StatusOr<uint64_t> DiskOf(const std::string& path);

}  // namespace sluice
