// A file of a fixed size that is memory: what is stored there the kernel keeps when the process is killed.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace sluice {

// Made where it is missing, its room on the disk taken. To be given back to munmap().
absl::StatusOr<void*> MapFile(const std::string& path, size_t size);

}  // namespace sluice
