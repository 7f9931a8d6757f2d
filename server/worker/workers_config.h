// The listener for workers, and its bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "server/certificates/listener_tls.h"
#include "server/identity/authentication_options.h"
#include "server/runtime/clock.h"

namespace sluice {

struct WorkersConfig {
  // HOST:PORT, or unix:PATH.
  std::string listen = "127.0.0.1:7443";
  std::string socket_mode = "0600";  // Octal, of the socket where `listen` is unix:PATH.
  std::optional<ListenerTls> tls;
  bool insecure = false;                      // Plain text. Exactly one of tls and insecure.
  std::optional<AuthenticationOptions> auth;  // Nothing: whoever gets through TLS is let in, and is nobody.
  Millis heartbeat{10'000};
  // Largest frame of the worker stream, in bytes; holds the largest MQTT packet.
  size_t max_frame_bytes = 40u << 20;
  // The most a worker gets of what its window asks for.
  uint32_t max_window_messages = 10'000;
  uint64_t max_window_bytes = 64u << 20;
  size_t max_streams = 1'000;
  uint32_t max_streams_per_connection = 100;
  // Of one principal or, without auth, of one IP address. Nothing: as MostStreamsPerPrincipal() has it.
  std::optional<uint32_t> max_streams_per_principal;
  // Connections, before anybody has said who they are. Those in all share the process' file descriptors with the rest.
  size_t max_connections = 10'000;
  size_t max_connections_per_address = 1'000;
  size_t handshakes_per_second = 1'000;
  size_t handshakes_per_second_per_address = 200;
  // Until TLS and HTTP/2 are agreed upon.
  Millis handshake_timeout{10'000};
  size_t threads = 1;       // Event loops.
  bool reflection = false;  // grpc.reflection.
  // Age, give or take 20 %, at which a stream is asked to drain and connect again, so that streams spread over replicas
  // that came later. 0: never.
  Millis max_stream_age{1'800'000};

  friend bool operator==(const WorkersConfig&, const WorkersConfig&) = default;
};

// By default a tenth of all streams is left to others.
inline uint32_t MostStreamsPerPrincipal(const WorkersConfig& config) {
  return config.max_streams_per_principal.value_or(static_cast<uint32_t>(config.max_streams - config.max_streams / 10));
}

}  // namespace sluice
