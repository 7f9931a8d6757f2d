#include "server/config/directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "server/config/reader.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

absl::Status Problem(const std::filesystem::path& path, std::string_view what) {
  return absl::FailedPreconditionError(text::Concat(Quoted(path.string()), " ", what));
}

std::string ErrorText(int error) { return std::generic_category().message(error); }

}  // namespace

absl::StatusOr<uint64_t> DiskOf(const std::string& path) {
  std::filesystem::path nearest = path;
  if (!nearest.has_filename()) nearest = nearest.parent_path();  // "a/" is "a".
  struct stat status{};
  while (stat(nearest.c_str(), &status) != 0) {
    const int error = errno;
    if (error != ENOENT && error != ENOTDIR) return Problem(nearest, text::Concat("cannot be had: ", ErrorText(error)));
    if (lstat(nearest.c_str(), &status) == 0) return Problem(nearest, "is a symbolic link that leads nowhere");
    nearest = nearest.has_parent_path() ? nearest.parent_path() : std::filesystem::path(".");
  }
  if (!S_ISDIR(status.st_mode)) return Problem(nearest, "is no directory");
  if (faccessat(AT_FDCWD, nearest.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    const int error = errno;
    if (error == EROFS) return Problem(nearest, "is on a file system that is read-only");
    return Problem(nearest, text::Concat("may not be written to by the user that this runs as: ", ErrorText(error)));
  }
  struct statvfs disk{};
  if (statvfs(nearest.c_str(), &disk) != 0) return Problem(nearest, text::Concat("cannot be had: ", ErrorText(errno)));
  return uint64_t{disk.f_blocks} * disk.f_frsize;
}

}  // namespace sluice
