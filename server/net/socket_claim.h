// The right to listen at a Unix socket's path.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

// "unix:PATH".
bool IsUnixAddress(const std::string& listen);
// PATH of one.
std::string UnixPath(const std::string& listen);

// Kept by a lock on PATH.lock until it goes: a socket of a process that runs is not taken over.
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

}  // namespace sluice
