// A client's end of a connection to this machine, for tests: blocks, with a time limit to everything.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace sluice {

class SocketClient {
 public:
  // Has a descriptor, and no connection yet.
  explicit SocketClient(int family = AF_INET) : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  // The other end is the caller's: not of a listener.
  static std::unique_ptr<SocketClient> Of(int fd) { return std::unique_ptr<SocketClient>(new SocketClient(fd, 0)); }
  ~SocketClient() { close(fd_); }
  SocketClient(const SocketClient&) = delete;
  SocketClient& operator=(const SocketClient&) = delete;

  bool Connect(int port) const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  bool ConnectV6(int port) const {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(static_cast<uint16_t>(port));
    address.sin6_addr = in6addr_loopback;
    return connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  bool ConnectUnix(const std::string& path) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  int fd() const { return fd_; }
  // Fails silently when the other end has closed.
  void Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  // So many bytes, or what came before the end.
  std::string Read(size_t bytes) const {
    std::string got(bytes, '\0');
    size_t size = 0;
    while (size < bytes) {
      const ssize_t more = recv(fd_, got.data() + size, bytes - size, 0);
      if (more <= 0) break;
      size += static_cast<size_t>(more);
    }
    got.resize(size);
    return got;
  }
  std::string ReadAll() const {
    std::string all;
    for (std::string some; !(some = Read(65'536)).empty();) all += some;
    return all;
  }
  bool ClosedWithin(std::chrono::milliseconds time) const {
    pollfd waiting{.fd = fd_, .events = POLLRDHUP, .revents = 0};
    return poll(&waiting, 1, static_cast<int>(time.count())) == 1;
  }

 private:
  SocketClient(int fd, int /*tag*/) : fd_(fd) {}

  const int fd_;
};

}  // namespace sluice
