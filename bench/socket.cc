#include "bench/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::bench {
namespace {

absl::Status Errno(const std::string& what) { return absl::ErrnoToStatus(errno, what); }

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<Fd> ListenOnLoopback(uint16_t port) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return Errno("socket");
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Errno(absl::StrCat("bind to 127.0.0.1:", port));
  }
  if (listen(fd.get(), 1024) != 0) return Errno("listen");
  return fd;
}

absl::StatusOr<uint16_t> LocalPort(const Fd& fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return Errno("getsockname");
  return ntohs(address.sin_port);
}

absl::StatusOr<Fd> ConnectTo(std::string_view host_port) {
  const size_t colon = host_port.rfind(':');
  uint32_t port = 0;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const std::string host(host_port.substr(0, colon));
  if (colon == std::string_view::npos || !absl::SimpleAtoi(std::string(host_port.substr(colon + 1)), &port) ||
      port > 65'535 || inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("'", std::string(host_port), "' is not IPV4-ADDRESS:PORT"));
  }
  address.sin_port = htons(static_cast<uint16_t>(port));
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return Errno("socket");
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Errno(absl::StrCat("connect to ", std::string(host_port)));
  }
  SetUp(fd);
  return fd;
}

void SetUp(const Fd& fd) {
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

void ReadBuffer::Grow(size_t capacity) {
  auto larger = std::make_unique_for_overwrite<char[]>(capacity);
  if (end_ > begin_) std::memcpy(larger.get(), data_.get() + begin_, end_ - begin_);
  data_ = std::move(larger);
  capacity_ = capacity;
  end_ -= begin_;
  begin_ = 0;
}

Io ReadBuffer::ReadFrom(const Fd& fd) {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (capacity_ - end_ < capacity_ / 4) {
    Grow(end_ - begin_ > capacity_ / 2 ? capacity_ * 2 : capacity_);
  }
  const ssize_t got = recv(fd.get(), data_.get() + end_, capacity_ - end_, 0);
  if (got > 0) {
    end_ += static_cast<size_t>(got);
    return Io::kOk;
  }
  return got < 0 && (errno == EAGAIN || errno == EINTR) ? Io::kWouldBlock : Io::kClosed;
}

Io WriteTo(const Fd& fd, std::string& out) {
  if (out.empty()) return Io::kOk;
  const ssize_t wrote = send(fd.get(), out.data(), out.size(), MSG_NOSIGNAL);
  if (wrote < 0) return errno == EAGAIN || errno == EINTR ? Io::kWouldBlock : Io::kClosed;
  out.erase(0, static_cast<size_t>(wrote));
  return out.empty() ? Io::kOk : Io::kWouldBlock;
}

}  // namespace sluice::bench
