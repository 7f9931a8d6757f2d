// TraceService of sluice.v1.
#pragma once

#include "server/admin/admin_guard.h"
#include "server/admin/trace_control.h"
#include "server/rpc/service/service.h"
#include "server/rpc/service/sync_call.h"

namespace sluice {

inline constexpr char kTraceServiceName[] = "sluice.v1.TraceService";

// Its method, on threads of `pool`. All outlive the server.
rpc::Service MakeTraceService(TraceControl& control, AdminGuard& guard, rpc::WorkerPool& pool);

}  // namespace sluice
