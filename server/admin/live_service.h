// LiveService of sluice.v1: who may, and the audit line of each act; the gateway does the rest.
#pragma once

#include "server/admin/admin_guard.h"
#include "server/admin/live_control.h"
#include "server/rpc/service/service.h"
#include "server/rpc/service/sync_call.h"

namespace sluice {

inline constexpr char kLiveServiceName[] = "sluice.v1.LiveService";

// Its methods, on threads of `pool`. All outlive the server.
rpc::Service MakeLiveService(LiveControl& control, AdminGuard& guard, rpc::WorkerPool& pool);

}  // namespace sluice
