// What every driver does alike as a connection comes up, fails and breaks: how long until the next attempt, what the
// log and the metrics say. Does no I/O of its own.
#pragma once

#include <cstdint>
#include <string>

#include "server/mqtt/backoff.h"
#include "server/mqtt/driver.h"
#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Not thread-safe.
class ConnectionLife {
 public:
  // `role`: "intake" or "replies". `options` must outlive it.
  ConnectionLife(const MqttOptions& options, const char* role, const Clock& clock, MetricsRegistry& metrics);

  void Up(bool session_present);

  // The attempt failed; `refused`: the broker said no, rather than there being no broker. When to try again.
  SteadyTime ConnectFailed(const std::string& error, bool refused);
  // It broke, or the broker disconnected it with this reason of MQTT 5 (0: none), or the driver gave it up: `why`. When
  // to connect again. The back-off starts over only if the connection had held for a while; a session taken over by
  // another client of the same id waits for long, so that the two do not throw each other out in a hot loop.
  SteadyTime Lost(const std::string& why, uint8_t reason);

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
  Backoff backoff_;
  SteadyTime up_since_{};
};

}  // namespace sluice
