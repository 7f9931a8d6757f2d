#include "server/config/surroundings.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "server/certificates/crl.h"
#include "server/config/directory.h"
#include "server/runtime/error_text.h"

namespace sluice {
namespace {

absl::Status ErrorFromErrno(int error) { return absl::NotFoundError(ErrorText(error)); }

absl::Status CheckFile(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return ErrorFromErrno(errno);
  if (S_ISDIR(status.st_mode)) return ErrorFromErrno(EISDIR);
  if (access(path.c_str(), R_OK) != 0) return ErrorFromErrno(errno);
  return absl::OkStatus();
}

// Files are read again while the gateway runs, which would wait for ever at a pipe.
absl::Status CheckRegularFile(const std::string& path) {
  if (absl::Status status = CheckFile(path); !status.ok()) return status;
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return ErrorFromErrno(errno);
  return S_ISREG(status.st_mode) ? absl::OkStatus() : absl::NotFoundError("it is no regular file");
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  if (absl::Status status = CheckFile(path); !status.ok()) return status;
  std::ifstream file(path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) return absl::NotFoundError("it cannot be read");
  return content;
}

}  // namespace

Surroundings Surroundings::Real() {
  Surroundings real;
  real.environment = [](const std::string& name) -> std::optional<std::string> {
    // Read before threads start, so that nothing writes the environment meanwhile.
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
    if (value == nullptr) return std::nullopt;
    return value;
  };
  real.read_file = ReadFile;
  real.check_file = CheckRegularFile;
  real.check_append = CheckAppend;
  real.check_socket = CheckSocket;
  real.files_of = CrlFilesOf;
  real.disk_of = DiskOf;
  real.open_to_all = OpenToAll;
  real.canonical = [](const std::string& path) {
    std::error_code error;
    // Absolute, too, where the first part of a relative path is not there yet.
    const std::filesystem::path absolute = std::filesystem::absolute(path, error);
    if (error) return path;
    const std::filesystem::path canonical = std::filesystem::weakly_canonical(absolute, error);
    return error ? path : canonical.string();
  };
  real.now_unix_s =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0) real.host_name = name.data();
  if (real.host_name.empty()) real.host_name = "localhost";
  return real;
}

}  // namespace sluice
