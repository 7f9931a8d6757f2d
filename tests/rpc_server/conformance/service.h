// The ConformanceService of connectrpc's suite: it answers as each request tells it to.
#pragma once

#include "server/net/event_loop.h"
#include "server/rpc/service/service.h"

namespace sluice::conformance {

// Its calls wait on `loop`, which is the server's only one.
rpc::Service ConformanceService(EventLoop& loop);

}  // namespace sluice::conformance
