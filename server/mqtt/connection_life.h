// What every driver does alike as a connection comes up, fails and breaks: how long until the next attempt, what the
// log and the metrics say. Does no I/O of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/mqtt/backoff.h"
#include "server/mqtt/options.h"
#include "server/mqtt/server_list.h"
#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// For a CONNECT that had no answer: a broker that knows no MQTT 5 may say nothing to it, or just close. Empty
// with 3.1.1.
std::string VersionHint(const MqttOptions& options);

// Not thread-safe.
class ConnectionLife {
 public:
  // `role`: "intake", "replies" or "shared". `options` are those of this very connection, with its own client id, and
  // must outlive it.
  ConnectionLife(const MqttOptions& options, const char* role, const Clock& clock, MetricsRegistry& metrics);

  // What the broker said as it let the client in.
  struct Accepted {
    bool session_present = false;
    // MQTT 5: how long it keeps the session, where that is not what it was asked for (§3.2.2.3.2).
    std::optional<uint32_t> session_expiry_s;
    // MQTT 5: the client id it chose; empty: none.
    std::string_view assigned_client_id;
  };
  void Up(const Accepted& accepted);

  // Where the next attempt, the one under way or the connection goes to.
  const ServerList& servers() const { return servers_; }
  // The URI, where there may be others; empty: there is only the one of the configuration.
  std::string_view chosen_server() const { return servers_.several() ? servers_.current() : std::string_view(); }

  // The attempt failed; `refused`: the broker said no, rather than there being no broker, and named `instead` (MQTT 5).
  // When to try again, maybe another server.
  SteadyTime ConnectFailed(const std::string& error, bool refused, const std::vector<std::string>& instead = {});
  // It broke, or the broker disconnected it with this reason of MQTT 5 (0: none), or the driver gave it up: `why`. When
  // to connect again. The back-off starts over only if the connection had held for a while; a session taken over by
  // another client of the same id waits for long, so that the two do not throw each other out in a hot loop.
  // `expected`: the broker was there, and something was sent that may break connections. The next one is made at once
  // then, so that nobody waits for what another has done; but not for ever so. `instead`: servers that the broker named.
  SteadyTime Lost(const std::string& why, uint8_t reason, bool expected = false,
                  const std::vector<std::string>& instead = {});

  // It does what it is for: the back-off starts over.
  void Proven() { backoff_.Reset(); }

  // On purpose: a pause, or the end.
  void Disconnecting(const std::string& why);
  void Down();

 private:
  const MqttOptions& options_;
  const char* const role_;
  const Clock& clock_;
  Gauge& connected_;
  Gauge& server_place_;
  Counter& connects_ok_;
  Counter& connects_refused_;
  Counter& connects_failed_;
  // For people.
  std::string_view client_id() const;
  // Of a session that holds messages for later.
  void TellShortenedSession(uint32_t granted_s);

  ServerList servers_;
  Backoff backoff_;
  SteadyTime up_since_{};
  int short_lives_ = 0;  // Connections in a row that did not hold.
  int expected_ = 0;     // And of those whose end was expected.
  std::string assigned_client_id_;
  std::optional<uint32_t> told_expiry_s_;
};

}  // namespace sluice
