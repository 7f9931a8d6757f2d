#include "server/journal/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "server/runtime/error_text.h"

namespace sluice {
namespace {

absl::Status Failed(const char* what, const std::string& path) {
  const int error = errno;
  return absl::UnavailableError(absl::StrCat("cannot ", what, " ", path, ": ", ErrorText(error)));
}

}  // namespace

absl::StatusOr<void*> MapFile(const std::string& path, size_t size) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("open", path);
  absl::Status status;
  void* mapped = MAP_FAILED;
  // With room on the disk, or a store would end the process where there is none.
  if (const int error = posix_fallocate(fd, 0, static_cast<off_t>(size)); error != 0) {
    errno = error;
    status = Failed("make room for", path);
  } else {
    mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) status = Failed("map", path);
  }
  close(fd);
  if (!status.ok()) return status;
  return mapped;
}

}  // namespace sluice
