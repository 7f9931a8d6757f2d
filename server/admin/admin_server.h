// The listener of those who administer the gateway.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/admin/admin_service.h"
#include "server/admin/live_service.h"
#include "server/admin/tap_service.h"
#include "server/admin/trace_service.h"
#include "server/config/admin_config.h"
#include "server/rpc/endpoint.h"
#include "server/rpc/service/sync_call.h"
#include "server/runtime/ticker.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Who may administer. What it refers to outlives the server.
struct AdminAccess {
  Authenticator* authenticator = nullptr;    // Null: whoever reaches the listener may all.
  const Permissions* permissions = nullptr;  // Null: there are no rules.
  std::string audit_file;                    // Empty: the log.
};

// Made, and stopped, by one thread.
class AdminServer final : public Tickable {
 public:
  // Listens on `listen`, "unix:PATH" or HOST:PORT, and serves until it goes. A socket is the owner's alone, and takes
  // the place of one that a dead process has left. INVALID_ARGUMENT: a TLS file, or what lies at the path; others: the
  // address cannot be had, and why. All else outlives it. Without `live` there is no
  // LiveService, without `tap` no TapService.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(
      const std::string& listen, const AdminConfig& config, const Clock& clock, MetricsRegistry& metrics,
      const StatusSource& status, DeadLetterStore& store, ReplaySink& replay, SessionEnder& sessions,
      AdminAccess access = {}, ConfigControl* configuration = nullptr, LiveControl* live = nullptr, Tap* tap = nullptr,
      TraceControl* trace = nullptr);
  // Stops at once.
  ~AdminServer() override;
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // "HOST:PORT" with the port that was chosen where 0 was asked for, or "unix:PATH".
  const std::string& address() const { return address_; }

  // No call runs or follows after it returns; those that run at `deadline` are cancelled. Idempotent.
  void Stop(SteadyTime deadline);

  // Rules, or keys of tokens, have changed: calls that last end whose callers would be let in no more. Thread-safe.
  void CheckAgain() { guard_.CheckAgain(); }

  // Looks after the TLS files, and whether callers that stay would still be let in.
  SteadyTime Tick(SteadyTime now) override;

 private:
  AdminServer(const Clock& clock, const StatusSource& status, DeadLetterStore& store, ReplaySink& replay,
              SessionEnder& sessions, AdminAccess access, ConfigControl* configuration);

  const AdminAccess access_;
  const Permissions no_rules_{};
  AuditLog audit_;
  AdminGuard guard_;
  AdminService service_;
  rpc::WorkerPool pool_;
  std::unique_ptr<rpc::Endpoint> endpoint_;
  std::string address_;
};

}  // namespace sluice
