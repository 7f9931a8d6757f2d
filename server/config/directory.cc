#include "server/config/directory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "absl/status/status.h"
#include "server/config/reader.h"
#include "server/runtime/error_text.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

absl::Status Problem(const std::filesystem::path& path, std::string_view what) {
  return absl::FailedPreconditionError(text::Concat(Quoted(path.string()), " ", what));
}

// A file system in which the kernel shows itself. Root may write to its directories, by their modes, and yet makes nothing.
bool IsKernels(const std::filesystem::path& path) {
  struct statfs system{};
  if (statfs(path.c_str(), &system) != 0) return false;
  switch (static_cast<unsigned long>(system.f_type)) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case DEBUGFS_MAGIC:
    case TRACEFS_MAGIC:
    case SECURITYFS_MAGIC:
    case DEVPTS_SUPER_MAGIC:
    case BPF_FS_MAGIC:
      return true;
    default:
      return false;
  }
}

absl::Status MayWrite(const std::filesystem::path& path, int how) {
  if (IsKernels(path)) return Problem(path, "is the kernel's, and keeps no files");
  if (faccessat(AT_FDCWD, path.c_str(), how, AT_EACCESS) == 0) return absl::OkStatus();
  const int error = errno;
  if (error == EROFS) return Problem(path, "is on a file system that is read-only");
  return Problem(path, text::Concat("may not be written to by the user that this runs as: ", ErrorText(error)));
}

// The directory in which `path` is to be made.
absl::Status CheckParent(const std::filesystem::path& path) {
  const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  struct stat status{};
  if (stat(parent.c_str(), &status) != 0) {
    return Problem(parent, errno == ENOENT ? "is not there" : text::Concat("cannot be had: ", ErrorText(errno)));
  }
  if (!S_ISDIR(status.st_mode)) return Problem(parent, "is no directory");
  return MayWrite(parent, W_OK | X_OK);
}

}  // namespace

absl::Status CheckAppend(const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return CheckParent(path);
  if (S_ISLNK(status.st_mode)) return Problem(path, "is a symbolic link, which is not followed");
  if (S_ISDIR(status.st_mode)) return Problem(path, "is a directory");
  if (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode)) return Problem(path, "is no regular file");
  return MayWrite(path, W_OK);
}

absl::Status CheckSocket(const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode)) return Problem(path, "is no socket");
  return CheckParent(path);
}

std::optional<std::string> OpenToAll(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || (status.st_mode & S_IWOTH) == 0)
    return std::nullopt;
  std::array<char, 8> mode{};
  (void)snprintf(mode.data(), mode.size(), "%04o", status.st_mode & 07777u);
  return mode.data();
}

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
  if (absl::Status may = MayWrite(nearest, W_OK | X_OK); !may.ok()) return may;
  struct statvfs disk{};
  if (statvfs(nearest.c_str(), &disk) != 0) return Problem(nearest, text::Concat("cannot be had: ", ErrorText(errno)));
  return uint64_t{disk.f_blocks} * disk.f_frsize;
}

}  // namespace sluice
