// An address that serves gRPC: the listener, its TLS, the loops that serve, and the server on them.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/certificates/listener_tls.h"
#include "server/net/accept_limits.h"
#include "server/rpc/protocol/limits.h"
#include "server/rpc/service/service.h"
#include "server/runtime/clock.h"
#include "server/runtime/ticker.h"
#include "server/telemetry/metrics.h"

namespace sluice {

struct PeerCertificate;

namespace rpc {

// Thread-safe, save Stop.
class Endpoint final : public Tickable {
 public:
  struct Options {
    std::string name;                // "workers": its section of the configuration, in errors, logs and metrics.
    std::string listen;              // HOST:PORT or unix:PATH.
    mode_t socket_mode = 0600;       // Of a Unix socket.
    std::optional<ListenerTls> tls;  // None: plain text.
    // With tls->client_ca_file: clients without a certificate are let in, too.
    bool client_certificate_optional = false;
    AcceptLimits accept;
    Limits limits;
    size_t threads = 1;  // Event loops, over which connections are spread.
  };

  // Has the address; nobody is served before Serve(), so that a handler may ask the endpoint it is called by. Errors begin
  // with the setting they are of. INVALID_ARGUMENT: a TLS file, or what lies at a socket's path; FAILED_PRECONDITION:
  // another process listens at that socket; UNAVAILABLE: the address cannot be bound, and why. `clock` is the TLS files';
  // it and `metrics` outlive it, as does what the services use.
  static absl::StatusOr<std::unique_ptr<Endpoint>> Bind(Options options, std::vector<Service> services,
                                                        const Clock& clock, MetricsRegistry& metrics);
  // Once.
  void Serve();
  ~Endpoint() override;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // "HOST:PORT" with the port in use, or "unix:PATH".
  const std::string& address() const;
  int port() const;  // 0 of a Unix socket.

  // Whether it accepts connections; else why not.
  absl::Status state() const;
  // Whether a certificate that was let in would be let in now, and a number that grows when the TLS files have changed.
  absl::Status CheckCertificate(const PeerCertificate& certificate) const;
  uint64_t tls_generation() const;
  // Whether its loops turn: each has answered the last Tick that is `patience` ago. Does not wait.
  absl::Status Alive(Millis patience) const;

  // Takes nothing new, tells clients to go, and cuts off what is left at `deadline`. No handler runs after it returned.
  // Idempotent.
  void Stop(SteadyTime deadline);

  // Looks whether the TLS files have changed, and after the loops.
  SteadyTime Tick(SteadyTime now) override;

 private:
  struct Impl;
  explicit Endpoint(std::shared_ptr<Impl> impl);
  const std::shared_ptr<Impl> impl_;  // Shared with the threads.
};

}  // namespace rpc
}  // namespace sluice
