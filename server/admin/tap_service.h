// TapService of sluice.v1.
#pragma once

#include "server/admin/admin_guard.h"
#include "server/rpc/service/service.h"
#include "server/rpc/service/sync_call.h"
#include "server/runtime/clock.h"
#include "server/tap/tap.h"

namespace sluice {

inline constexpr char kTapServiceName[] = "sluice.v1.TapService";

// Its methods, on threads of `pool`, each on one for as long as somebody looks. All outlive the server.
rpc::Service MakeTapService(Tap& tap, AdminGuard& guard, rpc::WorkerPool& pool, const Clock& clock);

}  // namespace sluice
