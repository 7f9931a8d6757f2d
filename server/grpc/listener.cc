#include "server/grpc/listener.h"

#include <grpc/grpc.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

std::string ErrorText(int error) { return std::generic_category().message(error); }

}  // namespace

bool IsUnixAddress(const std::string& listen) { return listen.starts_with("unix:"); }

std::string WhyNotBound(const std::string& listen) {
  size_t colon = listen.rfind(':');
  if (IsUnixAddress(listen) || colon == std::string::npos) return "cannot be bound";
  std::string host = listen.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (int error = getaddrinfo(host.c_str(), listen.substr(colon + 1).c_str(), &hints, &found); error != 0) {
    return gai_strerror(error);
  }
  std::string why = "cannot be bound";
  int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) != 0) why = ErrorText(errno);
  if (fd >= 0) close(fd);
  freeaddrinfo(found);
  return why;
}

absl::Status ClearUnixSocket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(absl::StrCat("the path of a Unix socket has 1 to ", sizeof address.sun_path - 1,
                                                   " bytes, this one has ", path.size()));
  }
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return absl::UnavailableError(ErrorText(errno));
  }
  if (!S_ISSOCK(status.st_mode)) return absl::InvalidArgumentError("there is a file that is no socket");
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return absl::UnavailableError(ErrorText(errno));
  const int error = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  close(fd);
  // EAGAIN: somebody listens, and is busy.
  if (error == 0 || error == EAGAIN) return absl::FailedPreconditionError("a running process listens there already");
  if (error != ECONNREFUSED) return absl::UnavailableError(ErrorText(error));
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return absl::UnavailableError(absl::StrCat("the socket of a dead process cannot be removed: ", ErrorText(errno)));
  }
  return absl::OkStatus();
}

PrivateFiles::PrivateFiles() : before_(umask(0077)) {}
PrivateFiles::~PrivateFiles() { umask(before_); }

void KeepGrpcRunning() {
  static const bool once = [] {
    grpc_init();
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace sluice
