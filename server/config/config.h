// The configuration as the gateway uses it: checked, resolved, with defaults. load.h makes one from YAML
// by the keys of schema.h, which docs/configuration.md shows; nothing here knows of YAML.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/deadletter/limits.h"
#include "server/journal/fsync.h"
#include "server/message/message.h"
#include "server/mqtt/driver.h"
#include "server/route/route.h"
#include "server/route/route_spec.h"
#include "server/runtime/clock.h"

namespace sluice {

// Routes are as the stage that makes them wants them.
using RouteConfig = RouteSpec;

// What becomes of a reply that the broker refuses.
enum class OnRefused : uint8_t {
  kDeadLetter,  // Kept with the dead letters.
  kRetry,       // Published again and again; holds its place in the outbox.
  kDrop,        // Counted and logged.
};

// What becomes of a reply that the gateway itself refuses.
enum class OnDenied : uint8_t {
  kDeadLetter,  // Kept with the dead letters.
  kDrop,        // Counted and logged.
};

struct RepliesConfig {
  // Topic filters a reply's topic must match one of. Empty: everything but topics that begin with `$`.
  std::vector<std::string> allow;
  // Lets replies go to topics that one of the gateway's own routes on the same broker takes in again.
  bool allow_loops = false;
  // Largest payload of a reply, in bytes.
  size_t max_payload_bytes = 32u << 20;
  // How long a worker that asked waits for an outcome before it is told TIMEOUT.
  Millis result_timeout{30'000};
  // Replies not yet confirmed by a broker, over all connections. At a bound no more is delivered to workers, and no
  // more is read of them.
  size_t max_outstanding_messages = 10'000;
  size_t max_outstanding_bytes = 64u << 20;
  OnRefused on_refused = OnRefused::kDeadLetter;
  OnDenied on_denied = OnDenied::kDeadLetter;
  // Lets replies have control characters and non-characters in topics and properties, over which a broker may close the
  // connection (MQTT 5.0 §1.5.4).
  bool allow_control_characters = false;

  friend bool operator==(const RepliesConfig&, const RepliesConfig&) = default;
};

// PEM files of a listener.
struct ListenerTls {
  std::string cert_file;
  std::string key_file;
  std::string client_ca_file;  // Set: clients must show a certificate of this CA (mTLS).

  friend bool operator==(const ListenerTls&, const ListenerTls&) = default;
};

struct WorkersConfig {
  // HOST:PORT, or unix:PATH.
  std::string listen = "127.0.0.1:7443";
  std::string socket_mode = "0600";  // Octal, of the socket where `listen` is unix:PATH.
  std::optional<ListenerTls> tls;
  bool insecure = false;  // Plain text. Exactly one of tls and insecure.
  Millis heartbeat{10'000};
  // Largest frame of the worker stream, in bytes; holds the largest MQTT packet.
  size_t max_frame_bytes = 40u << 20;
  // The most a worker gets of what its window asks for.
  uint32_t max_window_messages = 10'000;
  uint64_t max_window_bytes = 64u << 20;
  size_t max_streams = 1'000;
  // Age, give or take 20 %, at which a stream is asked to drain and connect again, so that streams spread over replicas
  // that came later. 0: never.
  Millis max_stream_age{1'800'000};

  friend bool operator==(const WorkersConfig&, const WorkersConfig&) = default;
};

struct JournalConfig {
  bool enabled = true;
  // The gateway's own directory: the log lies in `path`/journal.
  std::string path = "/var/lib/sluice";
  Fsync fsync = Fsync::kInterval;
  Millis fsync_interval{1'000};
  uint64_t segment_bytes = 64u << 20;
  uint64_t max_bytes = 4ull << 30;  // Of what is not settled.
  size_t max_messages = 5'000'000;
  // From the command line: open a damaged journal with what can be read of it.
  bool salvage = false;

  friend bool operator==(const JournalConfig&, const JournalConfig&) = default;
};

// What the gateway does while more comes in than goes out.
struct PressureConfig {
  // Gateways that share the shared filters. With 1 nothing is left: nobody else would get it. 0: not said; then they
  // are left at the end only.
  uint32_t replicas = 0;
  // How long a connection rests before it leaves its shared filters. 0: never.
  Millis leave_share_after{30'000};
  // How long a chain is without workers before the shared filters that feed only such chains are left. 0: never.
  Millis no_workers_after{300'000};
  // Percent of the journal's bounds at which intake rests, and to which it must fall before intake goes on.
  uint32_t high = 90;
  uint32_t low = 75;

  friend bool operator==(const PressureConfig&, const PressureConfig&) = default;
};

struct AdminConfig {
  // unix:PATH or HOST:PORT; empty: nobody administers. Nothing: admin.sock beside the journal, where there is one.
  std::optional<std::string> listen;
  std::optional<ListenerTls> tls;
  bool insecure = false;  // Plain text on an address that others can reach.

  friend bool operator==(const AdminConfig&, const AdminConfig&) = default;
};

struct HttpConfig {
  std::string listen = "127.0.0.1:9090";  // HOST:PORT; port 0 picks a free one; empty: no HTTP.

  friend bool operator==(const HttpConfig&, const HttpConfig&) = default;
};

struct LogConfig {
  std::string level = "info";   // debug, info, warning, error
  std::string format = "auto";  // auto: text on a terminal, else json

  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

struct GatewayConfig {
  // Of this replica, for people: workers, `sluicectl` and the metrics show it. The host's by default.
  std::string name;
  std::map<std::string, MqttOptions> connections;
  std::vector<RouteConfig> routes;
  ChainOptions chain_defaults;
  std::map<std::string, ChainOptions> chains;
  // Of templates (`${topic}`): how many chains messages may bring, and when one that nobody uses is forgotten.
  size_t max_template_chains = 1'000;
  Millis template_chain_idle{600'000};
  RepliesConfig replies;
  DeadLetterLimits dead_letters;
  WorkersConfig workers;
  JournalConfig journal;
  PressureConfig pressure;
  AdminConfig admin;
  HttpConfig http;
  LogConfig log;
  Millis shutdown_drain{20'000};
  // Said at start, e.g. a plain-text listener, or a random client id with a persistent session.
  std::vector<std::string> warnings;

  friend bool operator==(const GatewayConfig&, const GatewayConfig&) = default;
};

}  // namespace sluice
