// The dashboard's listener: a page for people, and the admin services in JSON, which it is made of.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/admin/admin_server.h"
#include "server/config/admin_config.h"
#include "server/runtime/clock.h"
#include "server/runtime/ticker.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// What AdminServer::Start has, too. All of it outlives the server.
struct DashboardParts {
  const Clock& clock;
  MetricsRegistry& metrics;
  const StatusSource& status;
  DeadLetterStore& store;
  ReplaySink& replay;
  SessionEnder& sessions;
  AdminAccess access;
  ConfigControl* configuration = nullptr;
  LiveControl* live = nullptr;
  Tap* tap = nullptr;
  TraceControl* trace = nullptr;
};

// Over HTTP/1.1, with its own loop and threads, within bounds of size, time and number:
//   GET  /, /FILE              the page
//   GET  /api/access           how callers say who they are: {"asked":true,"tokens":true,"certificates":false}
//   GET  /api/caller           who the caller is: {"who":"email:ops@plant","role":"operator"}
//   POST /api/SERVICE/METHOD   a call of AdminService, LiveService, TapService or TraceService, in protobuf's JSON. An error is
//                              {"code":"NOT_FOUND","message":"…"} with an HTTP status like it. Of Tail: lines, see
//                              StreamAnswer.
// Each call goes through the handlers that gRPC's go through, and so through an AdminGuard: roles, refusals and audit
// lines are the same. Made, and stopped, by one thread.
class DashboardServer final : public Tickable {
 public:
  // Serves from its return on. INVALID_ARGUMENT: a TLS file; others: the address cannot be had, and why.
  static absl::StatusOr<std::unique_ptr<DashboardServer>> Start(const AdminConfig& config, DashboardParts parts);
  // Stops at once.
  ~DashboardServer() override;
  DashboardServer(const DashboardServer&) = delete;
  DashboardServer& operator=(const DashboardServer&) = delete;

  // "HOST:PORT" with the port in use.
  const std::string& address() const;

  // No request is taken or answered after it returns, and calls that run are cancelled. Idempotent.
  void Stop();

  // As AdminServer's.
  void CheckAgain();

  // Looks after the TLS files, and whether callers that stay would still be let in.
  SteadyTime Tick(SteadyTime now) override;

 private:
  struct Impl;
  explicit DashboardServer(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
