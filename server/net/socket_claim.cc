#include "server/net/socket_claim.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/runtime/error_text.h"

namespace sluice {
namespace {

constexpr char kInUse[] = "a running process listens there already";

absl::Status CheckPath(const std::string& path) {
  constexpr size_t kMost = sizeof(sockaddr_un::sun_path) - 1;
  if (!path.empty() && path.size() <= kMost) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the path of a Unix socket has 1 to ", kMost, " bytes, this one has ", path.size()));
}

// Removes what a dead process has left at `path`. A process without our lock may listen there all the same.
absl::Status ClearUnixSocket(const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return absl::UnavailableError(ErrorText(errno));
  }
  if (!S_ISSOCK(status.st_mode)) return absl::InvalidArgumentError("there is a file that is no socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return absl::UnavailableError(ErrorText(errno));
  const int error = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  close(fd);
  // EAGAIN: somebody listens, and is busy.
  if (error == 0 || error == EAGAIN) return absl::FailedPreconditionError(kInUse);
  if (error != ECONNREFUSED) return absl::UnavailableError(ErrorText(error));
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return absl::UnavailableError(absl::StrCat("the socket of a dead process cannot be removed: ", ErrorText(errno)));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsUnixAddress(const std::string& listen) { return listen.starts_with("unix:"); }

std::string UnixPath(const std::string& listen) { return listen.substr(listen.find(':') + 1); }

absl::StatusOr<SocketClaim> SocketClaim::Take(const std::string& listen) {
  if (!IsUnixAddress(listen)) return SocketClaim();
  const std::string path = UnixPath(listen);
  if (absl::Status status = CheckPath(path); !status.ok()) return status;
  const std::string lock_path = absl::StrCat(path, ".lock");
  SocketClaim claim(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (claim.lock_ < 0) return absl::UnavailableError(absl::StrCat(lock_path, ": ", ErrorText(errno)));
  if (flock(claim.lock_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return absl::UnavailableError(absl::StrCat(lock_path, ": ", ErrorText(errno)));
    return absl::FailedPreconditionError(kInUse);
  }
  if (absl::Status status = ClearUnixSocket(path); !status.ok()) return status;
  return claim;
}

SocketClaim::SocketClaim(SocketClaim&& other) noexcept : lock_(std::exchange(other.lock_, -1)) {}

SocketClaim& SocketClaim::operator=(SocketClaim&& other) noexcept {
  std::swap(lock_, other.lock_);
  return *this;
}

SocketClaim::~SocketClaim() {
  if (lock_ >= 0) close(lock_);
}

}  // namespace sluice
