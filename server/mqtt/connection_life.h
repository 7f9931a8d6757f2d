// What every driver does alike as a connection comes up, fails and breaks: how long until the next attempt, what the
// log and the metrics say. Does no I/O of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/mqtt/backoff.h"
#include "server/mqtt/options.h"
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

  // The attempt failed; `refused`: the broker said no, rather than there being no broker. When to try again.
  SteadyTime ConnectFailed(const std::string& error, bool refused);
  // It broke, or the broker disconnected it with this reason of MQTT 5 (0: none), or the driver gave it up: `why`. When
  // to connect again. The back-off starts over only if the connection had held for a while; a session taken over by
  // another client of the same id waits for long, so that the two do not throw each other out in a hot loop.
  // `expected`: the broker was there, and something was sent that may break connections. The next one is made at once
  // then, so that nobody waits for what another has done; but not for ever so.
  SteadyTime Lost(const std::string& why, uint8_t reason, bool expected = false);

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
  Counter& connects_ok_;
  Counter& connects_refused_;
  Counter& connects_failed_;
  // For people.
  std::string_view client_id() const;
  // Of a session that holds messages for later.
  void TellShortenedSession(uint32_t granted_s);

  Backoff backoff_;
  SteadyTime up_since_{};
  int short_lives_ = 0;  // Connections in a row that did not hold.
  int expected_ = 0;     // And of those whose end was expected.
  std::string assigned_client_id_;
  std::optional<uint32_t> told_expiry_s_;
};

}  // namespace sluice
