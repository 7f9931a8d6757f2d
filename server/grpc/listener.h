// What the gateway's gRPC listeners share: Unix sockets, and why an address cannot be bound.
#pragma once

#include <grpcpp/server_builder.h>
#include <sys/types.h>

#include <memory>
#include <string>

#include "server/net/socket_claim.h"

namespace sluice {

// gRPC says only that binding failed. Tries once more, to find out why: "Address already in use".
std::string WhyNotBound(const std::string& listen);

// Builds and starts the server whose only address is `listen`. A Unix socket has `mode`, and was never open to more
// than its owner before: the umask of the whole process is 0077 for that moment. Null: it cannot be bound.
std::unique_ptr<grpc::Server> BuildAndStart(grpc::ServerBuilder& builder, const std::string& listen, mode_t mode);

// When its last user goes, gRPC joins its threads, and one of them may sit in a poll of ten seconds (the backup poller
// of tcp_posix.cc): the process would hang that long at its end. So there is always a user.
void KeepGrpcRunning();

}  // namespace sluice
