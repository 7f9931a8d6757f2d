// What the gateway's gRPC listeners share: addresses, Unix sockets, and why one cannot be bound.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace sluice {

// "unix:PATH".
bool IsUnixAddress(const std::string& listen);

// gRPC says only that binding failed. Tries once more, to find out why: "Address already in use".
std::string WhyNotBound(const std::string& listen);

// Makes room for a Unix socket at `path`: removes the one that a dead process has left. gRPC itself would take over one
// that is in use. FAILED_PRECONDITION: somebody listens there; INVALID_ARGUMENT: something else lies there, or the path
// is too long for a socket.
absl::Status ClearUnixSocket(const std::string& path);

// Files that are made meanwhile are the owner's alone: a socket must not be open to others between its birth and a
// chmod. Of the whole process, so not for long.
class PrivateFiles {
 public:
  PrivateFiles();
  ~PrivateFiles();
  PrivateFiles(const PrivateFiles&) = delete;
  PrivateFiles& operator=(const PrivateFiles&) = delete;

 private:
  unsigned int before_;
};

// When its last user goes, gRPC joins its threads, and one of them may sit in a poll of ten seconds (the backup poller
// of tcp_posix.cc): the process would hang that long at its end. So there is always a user.
void KeepGrpcRunning();

}  // namespace sluice
