#include "client/cpp/ctl/trace_client.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "client/cpp/ctl/channel.h"
#include "sluice/v1/trace.grpc.pb.h"

namespace sluice::ctl {
namespace {

// A large journal is looked through.
constexpr std::chrono::seconds kTraceTimeout{60};

class GrpcTraceClient final : public TraceClient {
 public:
  explicit GrpcTraceClient(AdminChannel channel)
      : channel_(std::move(channel)), stub_(v1::TraceService::NewStub(channel_.channel)) {}

  absl::StatusOr<v1::TraceResponse> Trace(const v1::TraceRequest& request) override {
    grpc::ClientContext context;
    channel_.Authorize(context);
    context.set_deadline(std::chrono::system_clock::now() + kTraceTimeout);
    v1::TraceResponse response;
    const grpc::Status status = stub_->Trace(&context, request, &response);
    if (!status.ok()) return ExplainStatus(status, channel_);
    return response;
  }

 private:
  const AdminChannel channel_;
  const std::unique_ptr<v1::TraceService::Stub> stub_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TraceClient>> MakeTraceClient(const Target& target) {
  absl::StatusOr<AdminChannel> channel = MakeAdminChannel(target);
  if (!channel.ok()) return channel.status();
  return std::make_unique<GrpcTraceClient>(*std::move(channel));
}

}  // namespace sluice::ctl
