#include "client/cpp/ctl/admin_client.h"

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "sluice/v1/admin.grpc.pb.h"

namespace sluice::ctl {
namespace {

constexpr std::chrono::seconds kTimeout{30};
constexpr size_t kPayloadPart = 1u << 20;

// Why a Unix socket does not answer, where the file system knows; else empty.
std::string AboutSocket(const std::string& address) {
  if (!address.starts_with("unix:")) return "";
  const std::string path = address.substr(5);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return error ? error.message() : "there is no such socket; is the gateway running, and is that its admin.listen?";
  }
  if (access(path.c_str(), R_OK | W_OK) != 0) return "only the user that the gateway runs as may use it";
  return "nobody listens there; is the gateway running?";
}

absl::Status Explain(const grpc::Status& status, const std::string& address) {
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  std::string text = status.error_message();
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    const std::string why = AboutSocket(address);
    text = "cannot reach the gateway at " + address + ": " + (why.empty() ? text : why);
  }
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    text = address + " is no admin listener of a gateway of this version: " + text;
  }
  return absl::Status(code, text);
}

class GrpcAdminClient final : public AdminClient {
 public:
  // `authorization`: the calls' metadata of that name; empty: none.
  GrpcAdminClient(std::string address, std::string authorization, const std::shared_ptr<grpc::Channel>& channel)
      : address_(std::move(address)),
        authorization_(std::move(authorization)),
        stub_(v1::AdminService::NewStub(channel)) {}

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
    Authorize(context);
    v1::ImportDeadLettersResponse response;
    const std::unique_ptr<grpc::ClientWriter<v1::ImportDeadLettersRequest>> writer =
        stub_->ImportDeadLetters(&context, &response);
    v1::DeadLetter letter;
    bool writing = true;
    while (writing && next(letter)) writing = WriteInParts(*writer, letter);
    writer->WritesDone();
    const grpc::Status status = writer->Finish();
    if (!status.ok()) return Explain(status, address_);
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
    Authorize(context);
    if (timeout) context.set_deadline(std::chrono::system_clock::now() + *timeout);
    Response response;
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    if (!status.ok()) return Explain(status, address_);
    return response;
  }

  void Authorize(grpc::ClientContext& context) const {
    if (!authorization_.empty()) context.AddMetadata("authorization", authorization_);
  }

  const std::string address_;
  const std::string authorization_;
  const std::unique_ptr<v1::AdminService::Stub> stub_;
};

absl::Status ReadFile(const char* flag, const std::string& path, std::string& out) {
  if (path.empty()) return absl::OkStatus();
  std::ifstream file(path, std::ios::binary);
  out.assign(std::istreambuf_iterator<char>(file), {});
  if (file && !out.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(flag) + ": cannot read '" + path + "'");
}

// What the calls' metadata "authorization" is to be; empty: nothing. The error shows nothing of the token.
absl::Status ReadAuthorization(const std::string& path, std::string& authorization) {
  std::string token;
  if (absl::Status status = ReadFile("--token-file", path, token); !status.ok() || path.empty()) return status;
  absl::StripAsciiWhitespace(&token);
  // What cannot be metadata would end the process within gRPC.
  const auto is_odd = [](char c) { return c <= ' ' || c > '~'; };
  if (token.empty() || std::ranges::any_of(token, is_odd)) {
    return absl::InvalidArgumentError("--token-file: '" + path + "' holds no token, or more than one");
  }
  authorization = "Bearer " + token;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdminClient>> MakeAdminClient(const Target& target) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (target.tls) {
    grpc::SslCredentialsOptions options;
    for (auto [flag, path, out] : {std::tuple("--ca-file", &target.ca_file, &options.pem_root_certs),
                                   std::tuple("--cert-file", &target.cert_file, &options.pem_cert_chain),
                                   std::tuple("--key-file", &target.key_file, &options.pem_private_key)}) {
      if (absl::Status status = ReadFile(flag, *path, *out); !status.ok()) return status;
    }
    credentials = grpc::SslCredentials(options);
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // A payload has up to 256 MiB.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (target.tls && !target.server_name.empty()) arguments.SetSslTargetNameOverride(target.server_name);
  std::string authorization;
  if (absl::Status status = ReadAuthorization(target.token_file, authorization); !status.ok()) return status;
  return std::make_unique<GrpcAdminClient>(target.address, std::move(authorization),
                                           grpc::CreateCustomChannel(target.address, credentials, arguments));
}

}  // namespace sluice::ctl
