#include "client/cpp/ctl/admin_client.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "client/cpp/ctl/channel.h"
#include "sluice/v1/admin.grpc.pb.h"

namespace sluice::ctl {
namespace {

constexpr std::chrono::seconds kTimeout{30};
constexpr size_t kPayloadPart = 1u << 20;

class GrpcAdminClient final : public AdminClient {
 public:
  explicit GrpcAdminClient(AdminChannel channel)
      : channel_(std::move(channel)), stub_(v1::AdminService::NewStub(channel_.channel)) {}

  absl::StatusOr<v1::GetStatusResponse> Status() override {
    return Call<v1::GetStatusResponse>(&v1::AdminService::Stub::GetStatus, v1::GetStatusRequest(), kTimeout);
  }
  absl::StatusOr<v1::ListDeadLettersResponse> List(const v1::ListDeadLettersRequest& request) override {
    return Call<v1::ListDeadLettersResponse>(&v1::AdminService::Stub::ListDeadLetters, request, kTimeout);
  }
  absl::StatusOr<v1::GetDeadLetterResponse> Get(const v1::GetDeadLetterRequest& request) override {
    return Call<v1::GetDeadLetterResponse>(&v1::AdminService::Stub::GetDeadLetter, request, kTimeout);
  }
  absl::StatusOr<v1::ReplayDeadLettersResponse> Replay(const v1::ReplayDeadLettersRequest& request) override {
    return Call<v1::ReplayDeadLettersResponse>(&v1::AdminService::Stub::ReplayDeadLetters, request, std::nullopt);
  }
  absl::StatusOr<v1::PurgeDeadLettersResponse> Purge(const v1::PurgeDeadLettersRequest& request) override {
    return Call<v1::PurgeDeadLettersResponse>(&v1::AdminService::Stub::PurgeDeadLetters, request, std::nullopt);
  }

  absl::StatusOr<v1::ImportDeadLettersResponse> Import(const NextLetter& next) override {
    grpc::ClientContext context;
    channel_.Authorize(context);
    v1::ImportDeadLettersResponse response;
    const std::unique_ptr<grpc::ClientWriter<v1::ImportDeadLettersRequest>> writer =
        stub_->ImportDeadLetters(&context, &response);
    v1::DeadLetter letter;
    bool writing = true;
    while (writing && next(letter)) writing = WriteInParts(*writer, letter);
    writer->WritesDone();
    const grpc::Status status = writer->Finish();
    if (!status.ok()) return ExplainStatus(status, channel_);
    return response;
  }
  absl::StatusOr<v1::EndSessionResponse> EndSession(const v1::EndSessionRequest& request) override {
    return Call<v1::EndSessionResponse>(&v1::AdminService::Stub::EndSession, request, std::nullopt);
  }
  absl::StatusOr<v1::ExplainPermissionResponse> ExplainPermission(
      const v1::ExplainPermissionRequest& request) override {
    return Call<v1::ExplainPermissionResponse>(&v1::AdminService::Stub::ExplainPermission, request, kTimeout);
  }
  absl::StatusOr<v1::GetConfigurationResponse> GetConfiguration() override {
    return Call<v1::GetConfigurationResponse>(&v1::AdminService::Stub::GetConfiguration, v1::GetConfigurationRequest(),
                                              kTimeout);
  }
  absl::StatusOr<v1::PlanConfigurationResponse> PlanConfiguration(
      const v1::PlanConfigurationRequest& request) override {
    return Call<v1::PlanConfigurationResponse>(&v1::AdminService::Stub::PlanConfiguration, request, kTimeout);
  }
  absl::StatusOr<v1::ReconnectConnectionResponse> ReconnectConnection(
      const v1::ReconnectConnectionRequest& request) override {
    return Call<v1::ReconnectConnectionResponse>(&v1::AdminService::Stub::ReconnectConnection, request, std::nullopt);
  }
  absl::StatusOr<v1::ApplyConfigurationResponse> ApplyConfiguration(
      const v1::ApplyConfigurationRequest& request) override {
    return Call<v1::ApplyConfigurationResponse>(&v1::AdminService::Stub::ApplyConfiguration, request, std::nullopt);
  }
  absl::StatusOr<v1::ListConfigurationItemsResponse> ListItems(
      const v1::ListConfigurationItemsRequest& request) override {
    return Call<v1::ListConfigurationItemsResponse>(&v1::AdminService::Stub::ListConfigurationItems, request, kTimeout);
  }
  absl::StatusOr<v1::GetConfigurationItemResponse> GetItem(const v1::GetConfigurationItemRequest& request) override {
    return Call<v1::GetConfigurationItemResponse>(&v1::AdminService::Stub::GetConfigurationItem, request, kTimeout);
  }
  absl::StatusOr<v1::PutConfigurationItemsResponse> PutItems(const v1::PutConfigurationItemsRequest& request) override {
    return Call<v1::PutConfigurationItemsResponse>(&v1::AdminService::Stub::PutConfigurationItems, request,
                                                   std::nullopt);
  }
  absl::StatusOr<v1::DeleteConfigurationItemResponse> DeleteItem(
      const v1::DeleteConfigurationItemRequest& request) override {
    return Call<v1::DeleteConfigurationItemResponse>(&v1::AdminService::Stub::DeleteConfigurationItem, request,
                                                     std::nullopt);
  }
  absl::StatusOr<v1::TestRoutesResponse> TestRoutes(const v1::TestRoutesRequest& request) override {
    return Call<v1::TestRoutesResponse>(&v1::AdminService::Stub::TestRoutes, request, kTimeout);
  }

 private:
  // The gateway takes messages of up to 4 MiB.
  static bool WriteInParts(grpc::ClientWriter<v1::ImportDeadLettersRequest>& writer, v1::DeadLetter& letter) {
    const std::string payload = std::move(*letter.mutable_payload());
    letter.set_payload(payload.substr(0, kPayloadPart));
    v1::ImportDeadLettersRequest request;
    *request.mutable_dead_letter() = std::move(letter);
    if (!writer.Write(request)) return false;
    for (size_t at = kPayloadPart; at < payload.size(); at += kPayloadPart) {
      v1::ImportDeadLettersRequest more;
      more.set_payload(payload.substr(at, kPayloadPart));
      if (!writer.Write(more)) return false;
    }
    return true;
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(grpc::Status (v1::AdminService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                               Response*),
                                const Request& request, std::optional<std::chrono::seconds> timeout) {
    grpc::ClientContext context;
    channel_.Authorize(context);
    if (timeout) context.set_deadline(std::chrono::system_clock::now() + *timeout);
    Response response;
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    if (!status.ok()) return ExplainStatus(status, channel_);
    return response;
  }

  const AdminChannel channel_;
  const std::unique_ptr<v1::AdminService::Stub> stub_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AdminClient>> MakeAdminClient(const Target& target) {
  absl::StatusOr<AdminChannel> channel = MakeAdminChannel(target);
  if (!channel.ok()) return channel.status();
  return std::make_unique<GrpcAdminClient>(*std::move(channel));
}

}  // namespace sluice::ctl
