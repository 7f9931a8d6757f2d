// Directories that hold what others must not read.
#pragma once

#include <string>
#include <system_error>

namespace sluice {

// Makes `path` and the parents that are missing, each for its owner alone (0700) whatever the umask is. One that is
// there stays as it is.
std::error_code MakePrivateDirectories(const std::string& path);

}  // namespace sluice
