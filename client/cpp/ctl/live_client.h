// sluicectl's side of live.proto, as AdminClient is of admin.proto.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "client/cpp/ctl/command_line.h"
#include "sluice/v1/live.pb.h"
#include "sluice/v1/tap.pb.h"

namespace sluice::ctl {

class LiveClient {
 public:
  virtual ~LiveClient() = default;
  virtual absl::StatusOr<v1::ListWorkersResponse> Workers(const v1::ListWorkersRequest& request) = 0;
  virtual absl::StatusOr<v1::ListChainsResponse> Chains(const v1::ListChainsRequest& request) = 0;
  virtual absl::StatusOr<v1::ListConnectionsResponse> Connections(const v1::ListConnectionsRequest& request) = 0;
  virtual absl::StatusOr<v1::DrainWorkerResponse> DrainWorker(const v1::DrainWorkerRequest& request) = 0;
  virtual absl::StatusOr<v1::DisconnectWorkerResponse> DisconnectWorker(const v1::DisconnectWorkerRequest& request) = 0;
  virtual absl::StatusOr<v1::PauseChainResponse> PauseChain(const v1::PauseChainRequest& request) = 0;
  virtual absl::StatusOr<v1::ResumeChainResponse> ResumeChain(const v1::ResumeChainRequest& request) = 0;
  virtual absl::StatusOr<v1::DrainGatewayResponse> DrainGateway(const v1::DrainGatewayRequest& request) = 0;
  virtual absl::StatusOr<v1::ResumeGatewayResponse> ResumeGateway() = 0;
  // Until `take` says false, or the gateway ends it.
  virtual absl::Status Tail(const v1::TailRequest& request,
                            const std::function<bool(const v1::TailResponse&)>& take) = 0;
};

// As MakeAdminClient.
absl::StatusOr<std::unique_ptr<LiveClient>> MakeLiveClient(const Target& target);

}  // namespace sluice::ctl
