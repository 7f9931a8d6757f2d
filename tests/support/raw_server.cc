#include "tests/support/raw_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "tests/support/eventually.h"

namespace sluice {
namespace {

constexpr int kReceiveBuffer = 64 * 1024;

int Check(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

Address ParseAddress(const std::string& text, uint16_t port) {
  Address address{};
  if (inet_pton(AF_INET, text.c_str(), &address.v4.sin_addr) == 1) {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(port);
  } else if (inet_pton(AF_INET6, text.c_str(), &address.v6.sin6_addr) == 1) {
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_port = htons(port);
  } else {
    throw std::runtime_error("no address: " + text);
  }
  return address;
}

}  // namespace

RawPeer::RawPeer(int fd) : fd_(fd) {
  const timeval limit{.tv_sec = kTestDeadline.count(), .tv_usec = 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

RawPeer::RawPeer(RawPeer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

void RawPeer::Send(std::string_view bytes) const {
  while (!bytes.empty()) {
    bytes.remove_prefix(
        static_cast<size_t>(Check(static_cast<int>(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL)), "send")));
  }
}

std::string RawPeer::Receive(size_t size) const {
  std::string received(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t got = recv(fd_, received.data() + done, size - done, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) throw std::runtime_error("nothing received in time");
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  received.resize(done);
  return received;
}

std::string RawPeer::ReceiveUntil(std::string_view end) const {
  std::string received;
  while (!received.ends_with(end)) {
    const std::string next = Receive(1);
    if (next.empty()) break;
    received += next;
  }
  return received;
}

void RawPeer::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

void RawPeer::Reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  Close();
}

RawServer::RawServer(const Options& options)
    : host_(options.address.find(':') == std::string::npos ? options.address : "[" + options.address + "]") {
  Address address = ParseAddress(options.address, options.port);
  listener_ = Check(socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  const int yes = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof(kReceiveBuffer));
  socklen_t size = sizeof(address);
  if (bind(listener_, &address.any, size) != 0 || listen(listener_, 8) != 0) {
    const int error = errno;
    close(listener_);
    throw std::system_error(error, std::generic_category(), options.address);
  }
  getsockname(listener_, &address.any, &size);
  port_ = ntohs(address.v4.sin_port);  // IPv6 has its port at the same place.
}

RawServer::~RawServer() {
  close(listener_);
  if (filler_ >= 0) close(filler_);
}

std::string RawServer::uri(std::string_view scheme) const {
  return std::string(scheme) + "://" + host_ + ":" + std::to_string(port_);
}

RawPeer RawServer::Accept() const {
  pollfd waiting{.fd = listener_, .events = POLLIN, .revents = 0};
  constexpr std::chrono::milliseconds kLimit = kTestDeadline;
  if (poll(&waiting, 1, static_cast<int>(kLimit.count())) != 1) throw std::runtime_error("nobody connects");
  return RawPeer(Check(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC), "accept"));
}

void RawServer::SwallowRequests() {
  // A queue for one: Linux drops what comes when it is full.
  Check(listen(listener_, 0), "listen");
  Address address{};
  socklen_t size = sizeof(address);
  getsockname(listener_, &address.any, &size);
  filler_ = Check(socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  Check(connect(filler_, &address.any, size), "connect");
}

}  // namespace sluice
