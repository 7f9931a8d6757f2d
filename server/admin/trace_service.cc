#include "server/admin/trace_service.h"

#include <string>

namespace sluice {

rpc::Service MakeTraceService(TraceControl& control, AdminGuard& guard, rpc::WorkerPool& pool) {
  const auto trace = [&control, &guard](rpc::SyncCall& call, const v1::TraceRequest& request,
                                        v1::TraceResponse& response) -> absl::Status {
    const absl::StatusOr<AdminCaller> caller = guard.Enter("Trace", AdminRole::kViewer, call.info());
    if (!caller.ok()) return caller.status();
    const absl::Status status = control.Trace(request, response);
    guard.Note("Trace", AdminRole::kViewer, *caller, status, std::string());
    return status;
  };
  return {.name = kTraceServiceName,
          .methods = {{.name = "Trace", .make = rpc::Unary<v1::TraceRequest, v1::TraceResponse>(pool, trace)}}};
}

}  // namespace sluice
