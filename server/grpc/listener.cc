#include "server/grpc/listener.h"

#include <grpc/grpc.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace sluice {
namespace {

std::string ErrorText(int error) { return std::generic_category().message(error); }

}  // namespace

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

std::unique_ptr<grpc::Server> BuildAndStart(grpc::ServerBuilder& builder, const std::string& listen, mode_t mode) {
  if (!IsUnixAddress(listen)) return builder.BuildAndStart();
  const mode_t before = umask(0077);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  umask(before);
  if (server != nullptr) chmod(UnixPath(listen).c_str(), mode);
  return server;
}

void KeepGrpcRunning() {
  static const bool once = [] {
    grpc_init();
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace sluice
