#include "server/runtime/directories.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

namespace sluice {

std::error_code MakePrivateDirectories(const std::string& path) {
  std::filesystem::path made;
  for (const std::filesystem::path& step : std::filesystem::path(path)) {
    made /= step;
    // A umask can only narrow 0700 further.
    if (mkdir(made.c_str(), 0700) == 0) {
      if (chmod(made.c_str(), 0700) != 0) return {errno, std::generic_category()};
      continue;
    }
    const int error = errno;
    std::error_code ignored;
    if (!std::filesystem::is_directory(made, ignored)) return {error, std::generic_category()};
  }
  return {};
}

}  // namespace sluice
