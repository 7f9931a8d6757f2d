#include "server/mqtt/password_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/status/status.h"

namespace sluice {
namespace {

absl::Status Failure(const std::string& path, const std::string& problem) {
  return absl::UnavailableError("passwordFile '" + path + "': " + problem);
}

}  // namespace

std::string PasswordOf(std::string content) {
  if (content.ends_with('\n')) content.pop_back();
  if (content.ends_with('\r')) content.pop_back();
  return content;
}

absl::StatusOr<std::string> ReadPasswordFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Failure(path, std::generic_category().message(errno));
  struct stat found{};
  if (fstat(fd, &found) == 0 && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode)) {
    close(fd);
    return Failure(path, "it is no regular file");
  }
  std::string content;
  std::array<char, 4096> block;
  ssize_t got = 0;
  // Two more than the longest, for a line break.
  while (content.size() <= kLongestPassword + 2 && (got = read(fd, block.data(), block.size())) > 0) {
    content.append(block.data(), static_cast<size_t>(got));
  }
  const int problem = errno;
  close(fd);
  if (got < 0) return Failure(path, std::generic_category().message(problem));
  std::string password = PasswordOf(std::move(content));
  if (password.size() > kLongestPassword) return Failure(path, "more than the 65,535 bytes of an MQTT password");
  return password;
}

}  // namespace sluice
