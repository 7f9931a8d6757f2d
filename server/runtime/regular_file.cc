#include "server/runtime/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/status/status.h"
#include "server/runtime/error_text.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

absl::Status Unreadable(int error) { return absl::UnavailableError(ErrorText(error)); }

}  // namespace

absl::StatusOr<std::string> ReadRegularFile(const std::string& path, size_t largest) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Unreadable(errno);
  struct stat found{};
  // A directory says so itself when it is read.
  if (fstat(fd, &found) == 0 && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode)) {
    close(fd);
    return absl::UnavailableError("it is no regular file");
  }
  std::string content;
  std::array<char, 16384> block;
  ssize_t got = 0;
  while (content.size() <= largest && (got = read(fd, block.data(), block.size())) > 0) {
    content.append(block.data(), static_cast<size_t>(got));
  }
  const int error = errno;
  close(fd);
  if (got < 0) return Unreadable(error);
  if (content.size() > largest) return absl::OutOfRangeError(text::Concat("it has more than ", largest, " bytes"));
  return content;
}

}  // namespace sluice
