// A TCP server whose every byte the test itself sends and receives, on the test's own thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

// The server's end of one connection. Calls block, kTestDeadline at the most.
class RawPeer {
 public:
  explicit RawPeer(int fd);
  ~RawPeer() { Close(); }
  RawPeer(RawPeer&& other) noexcept;
  RawPeer& operator=(RawPeer&&) = delete;

  int fd() const { return fd_; }
  void Send(std::string_view bytes) const;
  // Exactly `size` bytes, or fewer when the client ends the connection before.
  std::string Receive(size_t size) const;
  // Up to and with `end`.
  std::string ReceiveUntil(std::string_view end) const;
  // The client has ended its side, with nothing before that is not received yet.
  bool AtEnd() const { return Receive(1).empty(); }
  void Close();
  // Closes with a TCP reset.
  void Reset();

 private:
  int fd_;
};

// Its connections receive into small buffers of fixed size, so that a few megabytes are more than a client can write to
// a peer that does not read. Throws std::system_error when the system refuses.
class RawServer {
 public:
  struct Options {
    std::string address = "127.0.0.1";
    uint16_t port = 0;  // 0: a free one.
  };

  RawServer() : RawServer(Options()) {}
  explicit RawServer(const Options& options);
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  uint16_t port() const { return port_; }
  std::string uri(std::string_view scheme = "tcp") const;
  RawPeer Accept() const;
  // From now on requests for a connection get no answer.
  void SwallowRequests();

 private:
  int listener_;
  int filler_ = -1;  // Fills the queue of connections to be accepted.
  std::string host_;
  uint16_t port_ = 0;
};

}  // namespace sluice
