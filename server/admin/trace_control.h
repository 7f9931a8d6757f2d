// What TraceService asks of the gateway.
#pragma once

#include "absl/status/status.h"
#include "sluice/v1/trace.pb.h"

namespace sluice {

// The call of trace.proto; errors are its. Thread-safe.
class TraceControl {
 public:
  virtual ~TraceControl() = default;
  virtual absl::Status Trace(const v1::TraceRequest& request, v1::TraceResponse& response) = 0;
};

}  // namespace sluice
