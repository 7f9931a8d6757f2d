// Sockets that listen, of an address as text.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/net/connection_table.h"
#include "server/net/peer.h"
#include "server/net/socket_claim.h"

namespace sluice {

// Closes it when it goes.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// What one `listen` of a Listener came to.
struct ListenSockets {
  std::vector<FileDescriptor> sockets;  // Non-blocking, at least one.
  std::string address;                  // As written, with the port in use.
  int port = 0;
  SocketClaim claim;
};

// `listen` and `socket_mode` as ListenerOptions have them. The error: "cannot listen on 127.0.0.1:7443: Address already
// in use"; INVALID_ARGUMENT: it is no address.
absl::StatusOr<ListenSockets> ListenOn(const std::string& listen, mode_t socket_mode);

// Who is at the other end of `fd`, whose address accept() told.
Peer PeerOf(int fd, const sockaddr_storage& address);
AddressKey KeyOf(const sockaddr_storage& address);

// The same as text, of a Peer::address: "2001:db8:0:1::/64" of IPv6, all else as it is.
std::string HostOf(const std::string& address);

}  // namespace sluice
