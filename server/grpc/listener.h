// What the gateway's gRPC listeners share: addresses, Unix sockets, and why one cannot be bound.
#pragma once

#include <grpcpp/server_builder.h>
#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

// "unix:PATH".
bool IsUnixAddress(const std::string& listen);

// gRPC says only that binding failed. Tries once more, to find out why: "Address already in use".
std::string WhyNotBound(const std::string& listen);

// The right to listen at a Unix socket's path, kept by a lock on PATH.lock until it goes: gRPC itself would take over a
// socket that is in use.
class SocketClaim {
 public:
  // `listen` is "unix:PATH"; of another address there is nothing to claim. Removes a socket that a dead process has
  // left. FAILED_PRECONDITION: a running process listens there; INVALID_ARGUMENT: something else lies there, or the
  // path is too long for a socket; UNAVAILABLE: the lock cannot be made.
  static absl::StatusOr<SocketClaim> Take(const std::string& listen);

  SocketClaim() = default;
  SocketClaim(SocketClaim&& other) noexcept;
  SocketClaim& operator=(SocketClaim&& other) noexcept;
  ~SocketClaim();

 private:
  explicit SocketClaim(int lock) : lock_(lock) {}
  int lock_ = -1;
};

// Builds and starts the server whose only address is `listen`. A Unix socket has `mode`, and was never open to more
// than its owner before: the umask of the whole process is 0077 for that moment. Null: it cannot be bound.
std::unique_ptr<grpc::Server> BuildAndStart(grpc::ServerBuilder& builder, const std::string& listen, mode_t mode);

// When its last user goes, gRPC joins its threads, and one of them may sit in a poll of ten seconds (the backup poller
// of tcp_posix.cc): the process would hang that long at its end. So there is always a user.
void KeepGrpcRunning();

}  // namespace sluice
