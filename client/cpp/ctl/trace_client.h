// sluicectl's side of trace.proto, as AdminClient is of admin.proto.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "client/cpp/ctl/command_line.h"
#include "sluice/v1/trace.pb.h"

namespace sluice::ctl {

class TraceClient {
 public:
  virtual ~TraceClient() = default;
  virtual absl::StatusOr<v1::TraceResponse> Trace(const v1::TraceRequest& request) = 0;
};

// As MakeAdminClient.
absl::StatusOr<std::unique_ptr<TraceClient>> MakeTraceClient(const Target& target);

}  // namespace sluice::ctl
