// The HTTP port: /healthz, /readyz and /metrics, for probes, Prometheus and people with curl.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/http/token_gate.h"
#include "server/net/http_message.h"
#include "server/net/tls_server.h"
#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"
#include "server/telemetry/readiness.h"

namespace sluice {

// Asked for /readyz, by a thread of its own, one call at a time; must not block for long. The gateway is ready when
// every item is.
using ReadinessCallback = std::function<std::vector<ReadinessItem>()>;

// Asked for /healthz, on the HTTP port's loop: calls `answer` once, from any thread, when what must turn has turned; not
// OK: why it does not work. No answer within a second is one too.
using HealthCallback = std::function<void(std::function<void(absl::Status)> answer)>;

struct HttpOptions {
  // "HOST:PORT" ("[HOST]:PORT" for IPv6; no HOST: all addresses; port 0: a free one).
  std::string listen;
  std::shared_ptr<TlsServer> tls;  // Null: plain HTTP.
  // Who asks for /metrics must show it. Null: nobody must.
  std::shared_ptr<TokenGate> metrics_token;
  HttpLimits limits;
  HealthCallback health;  // Empty: alive while the loop turns.
};

// Serves on a loop of its own, within HttpLimits, so that clients who are slow, silent or many keep nobody out:
//   /healthz  200 while the process lives and what `health` asks turns, whatever the brokers do; else 503 and why
//   /readyz   200 "ready" or 503 "not ready", then one line per item: "[+] connection plant" when it is ready,
//             "[-] connection plant: connection refused" when not
//   /metrics  Prometheus' text format, or OpenMetrics for those who accept it; made by a thread of its own, once for all
//             who ask meanwhile
class HttpServer {
 public:
  // Serves from its return on. An error names the address and says why it cannot be listened on. `metrics` and `clock`
  // must outlive the server.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(HttpOptions options, MetricsRegistry& metrics,
                                                           ReadinessCallback readiness,
                                                           const Clock& clock = Clock::Real());
  ~HttpServer();  // Stops.
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // "HOST:PORT" with the port in use.
  const std::string& address() const;
  int port() const;

  // At once: connections are closed. No callback runs or follows after it returns. Idempotent. Not thread-safe.
  void Stop();

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
