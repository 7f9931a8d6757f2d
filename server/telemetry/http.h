// The plain HTTP port: /healthz, /readyz and /metrics, for probes, Prometheus and people with curl.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// One thing that has to be ready before the gateway is: a connection, a listener, the process (not while draining).
struct ReadinessItem {
  std::string name;  // "connection plant"
  bool ready = false;
  std::string detail;  // Why not, for people: "connection refused". Never a secret.
};

// Asked at every /readyz, from the server's threads, several at a time; must not block for long. The gateway is ready
// when every item is.
using ReadinessCallback = std::function<std::vector<ReadinessItem>()>;

// Serves, with a small fixed number of threads, one request to a connection, which has two seconds to come; its answer
// has five to be taken:
//   /healthz  200 while the process lives, whatever the brokers do
//   /readyz   200 "ready" or 503 "not ready", then one line per item: "[+] connection plant" when it is ready,
//             "[-] connection plant: connection refused" when not
//   /metrics  Prometheus' text format
class HttpServer {
 public:
  // Listens on `listen`, "HOST:PORT" ("[HOST]:PORT" for IPv6; no HOST: all addresses; port 0: a free one), and serves
  // from its return on. An error names the address and says why it cannot be listened on. `metrics` must outlive the
  // server.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(std::string_view listen, const MetricsRegistry& metrics,
                                                           ReadinessCallback readiness);
  ~HttpServer();  // Stops.
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // "HOST:PORT" with the port in use.
  const std::string& address() const;
  int port() const;

  // No callback runs or follows after it returns. At once when no client is connected; one that has yet to send its
  // request is given its two seconds. Idempotent. Not thread-safe.
  void Stop();

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
