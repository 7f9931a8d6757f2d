// Accepts connections on an address, within limits, and takes them through their TLS handshake.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/net/accept_limits.h"
#include "server/net/channel.h"
#include "server/net/event_loop.h"
#include "server/net/refusals.h"
#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice {

class TlsServer;

struct ListenerOptions {
  std::string name;  // "workers": in logs and metrics.
  // "HOST:PORT", "[HOST]:PORT" of IPv6, ":PORT" (every address of IPv4 and IPv6), "unix:PATH". Port 0: a free one. Of a
  // host with several addresses each is listened on. "[::]" takes IPv4, too.
  std::string listen;
  mode_t socket_mode = 0600;       // Of a Unix socket.
  std::shared_ptr<TlsServer> tls;  // Null: plain text.
  AcceptLimits limits;
  // Kept open for nothing, so that so many connections can be taken even when the process has no descriptor left: for
  // probes that ask why.
  size_t spare_descriptors = 0;
  // Counts and tells what is refused, for the layers above, too. Null: one of its own.
  std::shared_ptr<Refusals> refusals;
};

// Reasons of sluice_connections_refused_total that are a Listener's:
//   connections         limits.connections are open
//   per_address         limits.connections_per_address are open of this address
//   handshake_rate      limits.handshakes_per_second_per_address were begun by this address
//   handshake_timeout   limits.handshake_timeout has passed
//   descriptors         the process has no descriptor left; accept rests until one is free
//   tls_…               a TLS handshake failed: tls_version (none that both speak), tls_cipher, tls_protocol (ALPN),
//                       tls_not_tls (plain text, HTTP), tls_no_certificate, tls_certificate_CHECK and tls_certificate
//                       (not taken), tls_refused (the client does not like ours), tls_closed (gone before), tls_other
// Others: sluice_connections{listener}, sluice_connections_accepted_total{listener}, sluice_listener_accepting{listener}
// (0: it rests). What is over handshakes_per_second is not refused but waits in the kernel:
// sluice_listener_handshake_waits_total{listener} counts the rests.
class Listener {
 public:
  // On the loop's thread that it is for, with everything it needs.
  using Accepted = std::function<void(std::unique_ptr<Channel>)>;

  // Listens; the kernel takes connections from now on, and nobody accepts them before Start(). The error says why not:
  // "cannot listen on 127.0.0.1:7443: Address already in use". FAILED_PRECONDITION: a running process listens at that
  // Unix socket. `clock` and `metrics` outlive it.
  static absl::StatusOr<std::unique_ptr<Listener>> Bind(ListenerOptions options, const Clock& clock,
                                                        MetricsRegistry& metrics);
  virtual ~Listener() = default;  // Stops. Its Channels may outlive it.

  // "HOST:PORT" with the port in use, or "unix:PATH".
  virtual const std::string& address() const = 0;
  virtual int port() const = 0;  // 0 of a Unix socket.

  // Accepts on `loop`, where handshakes are done too, from now on. Connections are spread over `serving` in turn (empty:
  // `loop` alone), where `accepted` runs. Once, from any thread; the loops outlive it, or are stopped before it goes.
  virtual void Start(EventLoop& loop, std::vector<EventLoop*> serving, Accepted accepted) = 0;
  // Listens no more, and closes what is in its handshake; what was accepted goes on. Nothing is accepted after it
  // returned, and the address is free. From a thread that is none of the loops' and holds no lock that `accepted`
  // takes. Idempotent.
  virtual void Stop() = 0;

  // Whether it accepts, for /readyz: "accepts no connections: the process has no file descriptors left (limit 1024)".
  // Thread-safe, after Start().
  virtual absl::Status state() const = 0;
  // Whether its loop still turns, for /healthz: `answer` runs on that loop, with state(). Thread-safe, after Start().
  virtual void Probe(std::function<void(absl::Status)> answer) = 0;
};

}  // namespace sluice
