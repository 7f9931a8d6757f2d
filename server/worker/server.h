// The gateway's listener for workers.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/rpc/endpoint.h"
#include "server/rpc/health.h"
#include "server/worker/registry.h"
#include "server/worker/service.h"
#include "server/worker/workers_config.h"

namespace sluice {

// Thread-safe, save Start and Stop.
class WorkerServer final : public Tickable {
 public:
  struct Options {
    WorkersConfig config;
    Millis result_timeout{30'000};                     // After it every reply that asked has its result.
    std::string gateway;                               // Welcome.gateway: the replica's name.
    AdmissionRules admission;                          // What it refers to outlives the server, as do the rest.
    std::function<void(SteadyTime deadline)> wake_by;  // Asks the ticker for a Tick.
    uint64_t seed = 0;                                 // For jitter and session names: another in each process.
    std::function<void(rpc::Service workers)> serve;   // In place of the listener; unset: it listens.
    Authenticator* authenticator = nullptr;            // Null: nobody asks workers who they are.
    const Permissions* permissions = nullptr;          // Null: there are no rules.
  };
  WorkerServer(Options options, const Clock& clock, MetricsRegistry& metrics, DeliverySource& source,
               SettleHandler& settles, ReadGate& gate);
  // Stops with a deadline of now.
  ~WorkerServer() override;

  // Listens. InvalidArgument: a setting, a TLS file, or what lies at a socket's path; FailedPrecondition: another process
  // listens at that socket; Unavailable: the address cannot be bound, and why.
  absl::Status Start();
  // "HOST:PORT" with the port that was chosen where 0 was asked for; or "unix:PATH". After Start().
  const std::string& address() const { return address_; }
  int port() const { return port_; }

  size_t streams() const { return registry_.size(); }
  // For administrators.
  std::vector<Session::Description> Describe(size_t limit) const { return registry_.Describe(limit); }
  // See SessionRegistry.
  absl::StatusOr<std::shared_ptr<Session>> FindOpen(std::string_view worker) const {
    return registry_.FindOpen(worker);
  }
  // What lets workers in has changed: ends the streams of those that it would not let in any more.
  void CheckAgain() { registry_.CheckAgain(); }
  // The rules are others: what they give less, or more, than they did takes hold of the streams.
  void CheckRules() { registry_.CheckRules(); }
  // After the chains of the configuration have changed.
  void LookForChains() { registry_.LookForChains(); }
  // Whether a certificate that was let in would be let in now. After Start().
  absl::Status CheckCertificate(const PeerCertificate& certificate) const {
    return endpoint_ == nullptr ? absl::OkStatus() : endpoint_->CheckCertificate(certificate);
  }
  // Whether it accepts connections; else why not, for /readyz. After Start().
  absl::Status state() const { return endpoint_ == nullptr ? absl::OkStatus() : endpoint_->state(); }
  // Whether its threads still turn, with so much patience; else why not, for /healthz. After Start().
  absl::Status Alive(Millis patience) const {
    return endpoint_ == nullptr ? absl::OkStatus() : endpoint_->Alive(patience);
  }
  // From now on grpc.health.v1 says NOT_SERVING, so that proxies send new streams elsewhere; those that come are
  // served.
  void SetNotServing() { health_.SetNotServing(); }
  // Tells all workers to settle what they hold until `deadline` and go; new streams are refused. Returns at once.
  void Drain(SteadyTime deadline, const std::string& reason) {
    SetNotServing();
    registry_.DrainAll(deadline, reason);
  }
  // True when no stream is left; waits for it until `deadline`.
  bool WaitUntilEmpty(SteadyTime deadline) { return registry_.WaitEmpty(deadline); }
  // Ends all streams with Unavailable and closes the listener. Returns when no reaction runs any more and none will, by
  // about `deadline`. Idempotent. The ticker must still run, or Tick be called.
  void Stop(SteadyTime deadline);

  SteadyTime Tick(SteadyTime now) override;

 private:
  const Options options_;
  const Clock& clock_;
  MetricsRegistry& metrics_;
  log::Limiter log_limit_;
  CrashLoops crash_loops_;
  SessionRegistry registry_;
  rpc::Health health_{{kWorkerServiceName}};
  uint64_t tls_generation_ = 0;              // Of the ticker's thread.
  std::unique_ptr<rpc::Endpoint> endpoint_;  // Null before Start(), and where another serves.
  std::string address_;
  int port_ = 0;
};

}  // namespace sluice
