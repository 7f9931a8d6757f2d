// How sluicectl's clients reach a gateway. gRPC is seen by this and the clients alone.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/ctl/command_line.h"

namespace sluice::ctl {

struct AdminChannel {
  std::string address;
  bool tls = false;
  std::string authorization;  // The calls' metadata of that name; empty: none.
  std::shared_ptr<grpc::Channel> channel;

  void Authorize(grpc::ClientContext& context) const {
    if (!authorization.empty()) context.AddMetadata("authorization", authorization);
  }
};

// INVALID_ARGUMENT: a file cannot be read or used. Does not connect yet.
absl::StatusOr<AdminChannel> MakeAdminChannel(const Target& target);

// What a call came to, with what to do about it.
absl::Status ExplainStatus(const grpc::Status& status, const AdminChannel& channel);

}  // namespace sluice::ctl
