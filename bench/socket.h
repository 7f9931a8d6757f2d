// TCP on loopback, without blocking.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace sluice::bench {

// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd();
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// Listens on 127.0.0.1. `port` 0 picks a free one.
absl::StatusOr<Fd> ListenOnLoopback(uint16_t port);
absl::StatusOr<uint16_t> LocalPort(const Fd& fd);
// Connects to HOST:PORT, HOST an IPv4 address; waits for the connection.
absl::StatusOr<Fd> ConnectTo(std::string_view host_port);
// Accepted or connected sockets: non-blocking and without Nagle's delay.
void SetUp(const Fd& fd);

enum class Io : uint8_t { kOk, kWouldBlock, kClosed };

// Bytes read and not yet taken.
class ReadBuffer {
 public:
  ReadBuffer() { Grow(256 << 10); }
  // One read; the buffer grows when a packet does not fit.
  Io ReadFrom(const Fd& fd);
  std::string_view bytes() const { return {data_.get() + begin_, end_ - begin_}; }
  void Take(size_t size) { begin_ += size; }

 private:
  void Grow(size_t capacity);

  std::unique_ptr<char[]> data_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

// Writes what the socket takes and removes it from `out`.
Io WriteTo(const Fd& fd, std::string& out);

}  // namespace sluice::bench
