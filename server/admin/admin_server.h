// The listener of those who administer the gateway.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/admin/admin_config.h"
#include "server/admin/admin_service.h"
#include "server/grpc/listener.h"
#include "server/grpc/unknown_methods.h"

namespace sluice {

// Made, and stopped, by one thread.
class AdminServer {
 public:
  // Listens on `listen`, "unix:PATH" or HOST:PORT, and serves until it goes. A socket is the owner's alone, and takes
  // the place of one that a dead process has left. INVALID_ARGUMENT: a TLS file, or what lies at the path; others: the
  // address cannot be had, and why. All else outlives it.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(const std::string& listen, const AdminConfig& config,
                                                            const Clock& clock, const StatusSource& status,
                                                            DeadLetterStore& store, ReplaySink& replay,
                                                            SessionEnder& sessions);
  // Stops at once.
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // "HOST:PORT" with the port that was chosen where 0 was asked for, or "unix:PATH".
  const std::string& address() const { return address_; }

  // No call runs or follows after it returns; those that run at `deadline` are cancelled. Idempotent.
  void Stop(SteadyTime deadline);

 private:
  AdminServer(const Clock& clock, const StatusSource& status, DeadLetterStore& store, ReplaySink& replay,
              SessionEnder& sessions)
      : service_(clock, status, store, replay, sessions) {}

  AdminServiceImpl service_;
  UnknownMethods unknown_{"sluice.v1.AdminService"};
  std::shared_ptr<grpc::ServerCredentials> credentials_;  // gRPC keeps less than it uses.
  SocketClaim claim_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace sluice
