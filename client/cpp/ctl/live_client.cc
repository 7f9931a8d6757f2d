#include "client/cpp/ctl/live_client.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "client/cpp/ctl/channel.h"
#include "sluice/v1/live.grpc.pb.h"
#include "sluice/v1/tap.grpc.pb.h"

namespace sluice::ctl {
namespace {

constexpr std::chrono::seconds kAnswerTimeout{30};

class GrpcLiveClient final : public LiveClient {
  using Stub = v1::LiveService::Stub;

 public:
  explicit GrpcLiveClient(AdminChannel channel)
      : channel_(std::move(channel)),
        stub_(v1::LiveService::NewStub(channel_.channel)),
        tap_(v1::TapService::NewStub(channel_.channel)) {}

  absl::StatusOr<v1::ListWorkersResponse> Workers(const v1::ListWorkersRequest& request) override {
    return Ask<v1::ListWorkersResponse>(&Stub::ListWorkers, request);
  }
  absl::StatusOr<v1::ListChainsResponse> Chains(const v1::ListChainsRequest& request) override {
    return Ask<v1::ListChainsResponse>(&Stub::ListChains, request);
  }
  absl::StatusOr<v1::ListConnectionsResponse> Connections(const v1::ListConnectionsRequest& request) override {
    return Ask<v1::ListConnectionsResponse>(&Stub::ListConnections, request);
  }
  absl::StatusOr<v1::DrainWorkerResponse> DrainWorker(const v1::DrainWorkerRequest& request) override {
    return Ask<v1::DrainWorkerResponse>(&Stub::DrainWorker, request);
  }
  absl::StatusOr<v1::DisconnectWorkerResponse> DisconnectWorker(const v1::DisconnectWorkerRequest& request) override {
    return Ask<v1::DisconnectWorkerResponse>(&Stub::DisconnectWorker, request);
  }
  absl::StatusOr<v1::PauseChainResponse> PauseChain(const v1::PauseChainRequest& request) override {
    return Ask<v1::PauseChainResponse>(&Stub::PauseChain, request);
  }
  absl::StatusOr<v1::ResumeChainResponse> ResumeChain(const v1::ResumeChainRequest& request) override {
    return Ask<v1::ResumeChainResponse>(&Stub::ResumeChain, request);
  }
  absl::StatusOr<v1::DrainGatewayResponse> DrainGateway(const v1::DrainGatewayRequest& request) override {
    return Ask<v1::DrainGatewayResponse>(&Stub::DrainGateway, request);
  }
  absl::StatusOr<v1::ResumeGatewayResponse> ResumeGateway() override {
    return Ask<v1::ResumeGatewayResponse>(&Stub::ResumeGateway, v1::ResumeGatewayRequest());
  }
  absl::Status Tail(const v1::TailRequest& request, const std::function<bool(const v1::TailResponse&)>& take) override {
    grpc::ClientContext context;
    channel_.Authorize(context);
    const std::unique_ptr<grpc::ClientReader<v1::TailResponse>> reader = tap_->Tail(&context, request);
    bool ended = false;
    for (v1::TailResponse response; !ended && reader->Read(&response);) ended = !take(response);
    if (ended) context.TryCancel();
    const grpc::Status status = reader->Finish();
    return ended || status.ok() ? absl::OkStatus() : ExplainStatus(status, channel_);
  }

 private:
  template <typename Response, typename Request>
  absl::StatusOr<Response> Ask(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                               const Request& request) {
    grpc::ClientContext context;
    channel_.Authorize(context);
    context.set_deadline(std::chrono::system_clock::now() + kAnswerTimeout);
    Response response;
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    if (!status.ok()) return ExplainStatus(status, channel_);
    return response;
  }

  const AdminChannel channel_;
  const std::unique_ptr<Stub> stub_;
  const std::unique_ptr<v1::TapService::Stub> tap_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LiveClient>> MakeLiveClient(const Target& target) {
  absl::StatusOr<AdminChannel> channel = MakeAdminChannel(target);
  if (!channel.ok()) return channel.status();
  return std::make_unique<GrpcLiveClient>(*std::move(channel));
}

}  // namespace sluice::ctl
