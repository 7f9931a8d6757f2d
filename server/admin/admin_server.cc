#include "server/admin/admin_server.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/health_check_service_server_builder_option.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/grpc/tls_credentials.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

// Calls at once; what is more is refused.
constexpr int kThreads = 16;
constexpr int kHandshakeTimeoutMs = 10'000;

absl::Status CannotListen(const std::string& listen, const std::string& why, absl::StatusCode code) {
  return absl::Status(code, absl::StrCat("admin.listen: cannot listen on '", listen, "': ", why));
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(const std::string& listen, const AdminConfig& config,
                                                                const Clock& clock, const StatusSource& status,
                                                                DeadLetterStore& store, ReplaySink& replay,
                                                                SessionEnder& sessions) {
  KeepGrpcRunning();
  std::unique_ptr<AdminServer> admin(new AdminServer(clock, status, store, replay, sessions));
  admin->credentials_ = grpc::InsecureServerCredentials();
  if (config.tls) {
    absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> tls = LoadTlsCredentials("admin.tls", *config.tls, clock);
    if (!tls.ok()) return tls.status();
    admin->credentials_ = *std::move(tls);
  }
  absl::StatusOr<SocketClaim> claim = SocketClaim::Take(listen);
  if (!claim.ok()) return CannotListen(listen, std::string(claim.status().message()), claim.status().code());
  admin->claim_ = *std::move(claim);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(listen, admin->credentials_, &port);
  builder.RegisterService(&admin->service_);
  builder.RegisterCallbackGenericService(&admin->unknown_);
  // The workers' listener turns it on for the whole process.
  builder.SetOption(std::make_unique<grpc::HealthCheckServiceServerBuilderOption>(nullptr));
  builder.SetResourceQuota(grpc::ResourceQuota("admin").SetMaxThreads(kThreads));
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 1);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  admin->server_ = BuildAndStart(builder, listen, 0600);
  if (admin->server_ == nullptr || port == 0) {
    admin->server_.reset();
    return CannotListen(listen, WhyNotBound(listen), absl::StatusCode::kUnavailable);
  }
  admin->address_ = IsUnixAddress(listen) ? listen : absl::StrCat(listen.substr(0, listen.rfind(':')), ":", port);
  log::Info("administration listens", {{"address", admin->address_}, {"tls", config.tls.has_value()}});
  return admin;
}

AdminServer::~AdminServer() { Stop(Clock::Real().Now()); }

void AdminServer::Stop(SteadyTime deadline) {
  if (server_ == nullptr) return;
  const auto left = std::max(Millis(0), std::chrono::duration_cast<Millis>(deadline - Clock::Real().Now()));
  server_->Shutdown(std::chrono::system_clock::now() + left);
  server_->Wait();
  server_.reset();
  claim_ = {};
}

}  // namespace sluice
