// What LiveService asks of the gateway.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/admin/admin_guard.h"
#include "sluice/v1/live.pb.h"

namespace sluice {

// The calls of live.proto; errors are theirs. Thread-safe.
class LiveControl {
 public:
  virtual ~LiveControl() = default;
  virtual absl::Status ListWorkers(const v1::ListWorkersRequest& request, v1::ListWorkersResponse& response) = 0;
  virtual absl::Status ListChains(const v1::ListChainsRequest& request, v1::ListChainsResponse& response) = 0;
  virtual absl::Status ListConnections(const v1::ListConnectionsRequest& request,
                                       v1::ListConnectionsResponse& response) = 0;
  // `caller` asks for it.
  virtual absl::Status DrainWorker(const AdminCaller& caller, const v1::DrainWorkerRequest& request,
                                   v1::DrainWorkerResponse& response) = 0;
  virtual absl::Status DisconnectWorker(const AdminCaller& caller, const v1::DisconnectWorkerRequest& request,
                                        v1::DisconnectWorkerResponse& response) = 0;
  virtual absl::Status PauseChain(const AdminCaller& caller, const v1::PauseChainRequest& request,
                                  v1::PauseChainResponse& response) = 0;
  virtual absl::Status ResumeChain(const AdminCaller& caller, const v1::ResumeChainRequest& request,
                                   v1::ResumeChainResponse& response) = 0;
  virtual absl::Status DrainGateway(const AdminCaller& caller, const v1::DrainGatewayRequest& request,
                                    v1::DrainGatewayResponse& response) = 0;
  virtual absl::Status ResumeGateway(const AdminCaller& caller, const v1::ResumeGatewayRequest& request,
                                     v1::ResumeGatewayResponse& response) = 0;
};

}  // namespace sluice
