// sluice.v1.WorkerService: each call becomes a Session; nothing is decided here.
#pragma once

#include <cstddef>

#include "server/rpc/service/service.h"
#include "server/worker/registry.h"

namespace sluice {

inline constexpr char kWorkerServiceName[] = "sluice.v1.WorkerService";

// `registry` outlives the server. After its Hello a worker's frames may have `max_frame_bytes`.
rpc::Service MakeWorkerService(SessionRegistry& registry, size_t max_frame_bytes);

}  // namespace sluice
