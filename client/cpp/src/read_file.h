// How the SDK and sluicectl read the files that people name.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>

namespace sluice::client {

// The whole of a file, or of what is written into a pipe. Returns why it cannot be read, without the path, such as
// "Is a directory"; empty: it was read.
inline std::string ReadWholeFile(const std::string& path, std::string& content) {
  constexpr size_t kLargest = size_t{512} << 20;  // A payload has up to 256 MiB, and a device may have no end.
  const auto words = [](int error) { return std::generic_category().message(error); };
  content.clear();
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return words(errno);
  std::array<char, 16384> block{};
  std::string trouble;
  while (trouble.empty()) {
    const ssize_t got = read(fd, block.data(), block.size());
    if (got == 0) break;
    if (got > 0) {
      content.append(block.data(), static_cast<size_t>(got));
      if (content.size() > kLargest) trouble = "it has more than 512 MiB";
    } else if (errno != EINTR) {
      trouble = words(errno);
    }
  }
  close(fd);
  return trouble;
}

}  // namespace sluice::client
