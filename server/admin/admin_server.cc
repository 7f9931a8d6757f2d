#include "server/admin/admin_server.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "server/rpc/reflection.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

// Calls at once, and those that may wait for one of them; what is more is refused.
constexpr size_t kThreads = 8;
constexpr size_t kWaiting = 64;

rpc::Endpoint::Options EndpointOptions(const std::string& listen, const AdminConfig& config) {
  rpc::Endpoint::Options options{.name = "admin", .listen = listen, .socket_mode = 0600, .tls = config.tls};
  // A token will do.
  options.client_certificate_optional =
      config.auth && !config.auth->tokens.empty() && config.auth->certificates && !config.auth->both;
  options.accept = {.connections = 200, .connections_per_address = 50, .handshakes_per_second = 100};
  return options;
}

}  // namespace

AdminServer::AdminServer(const Clock& clock, const StatusSource& status, DeadLetterStore& store, ReplaySink& replay,
                         SessionEnder& sessions, AdminAccess access, ConfigControl* configuration)
    : access_(std::move(access)),
      audit_(access_.audit_file, clock),
      guard_(access_.authenticator, access_.permissions == nullptr ? no_rules_ : *access_.permissions, audit_,
             [this](const PeerCertificate& shown) { return endpoint_->CheckCertificate(shown); }),
      service_(clock, status, store, replay, sessions, guard_,
               access_.permissions == nullptr ? no_rules_ : *access_.permissions, configuration),
      pool_(kThreads, kWaiting) {}

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(const std::string& listen, const AdminConfig& config,
                                                                const Clock& clock, MetricsRegistry& metrics,
                                                                const StatusSource& status, DeadLetterStore& store,
                                                                ReplaySink& replay, SessionEnder& sessions,
                                                                AdminAccess access, ConfigControl* configuration,
                                                                LiveControl* live, Tap* tap, TraceControl* trace) {
  std::unique_ptr<AdminServer> admin(
      new AdminServer(clock, status, store, replay, sessions, std::move(access), configuration));
  std::vector<rpc::Service> services = {admin->service_.Rpc(admin->pool_)};
  std::vector<std::string> names = {kAdminServiceName};
  if (live != nullptr) {
    services.push_back(MakeLiveService(*live, admin->guard_, admin->pool_));
    names.emplace_back(kLiveServiceName);
  }
  if (tap != nullptr) {
    services.push_back(MakeTapService(*tap, admin->guard_, admin->pool_, clock));
    names.emplace_back(kTapServiceName);
  }
  if (trace != nullptr) {
    services.push_back(MakeTraceService(*trace, admin->guard_, admin->pool_));
    names.emplace_back(kTraceServiceName);
  }
  if (config.reflection) {
    for (rpc::Service& service : rpc::Reflection(names)) services.push_back(std::move(service));
  }
  absl::StatusOr<std::unique_ptr<rpc::Endpoint>> endpoint =
      rpc::Endpoint::Bind(EndpointOptions(listen, config), std::move(services), clock, metrics);
  if (!endpoint.ok()) return endpoint.status();
  admin->endpoint_ = *std::move(endpoint);
  admin->address_ = admin->endpoint_->address();
  admin->endpoint_->Serve();
  log::Info("administration listens", {{"address", admin->address_}, {"tls", config.tls.has_value()}});
  return admin;
}

AdminServer::~AdminServer() { Stop(Clock::Real().Now()); }

SteadyTime AdminServer::Tick(SteadyTime now) {
  const SteadyTime endpoint_next = endpoint_->Tick(now);
  return std::min(endpoint_next, guard_.Tick(now, endpoint_->tls_generation()));
}

void AdminServer::Stop(SteadyTime deadline) {
  if (endpoint_ != nullptr) endpoint_->Stop(deadline);
}

}  // namespace sluice
