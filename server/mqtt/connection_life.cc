#include "server/mqtt/connection_life.h"

#include <algorithm>

#include "server/mqtt/reason_codes.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr Millis kFirstRetry{500};
// A connection that held this long has its back-off start over.
constexpr Millis kHeld{5'000};
// Two clients with one id throw each other out; the one that lost waits at least this long.
constexpr Millis kAfterTakeover{10'000};

Counter& Connects(MetricsRegistry& metrics, const std::string& connection, const char* role, const char* result) {
  return metrics.GetCounter("sluice_mqtt_connects_total", "Attempts to connect to a broker.",
                            {{"connection", connection}, {"role", role}, {"result", result}});
}

int64_t UntilMs(SteadyTime due, const Clock& clock) {
  return std::chrono::duration_cast<Millis>(due - clock.Now()).count();
}

}  // namespace

ConnectionLife::ConnectionLife(const MqttOptions& options, const char* role, const Clock& clock,
                               MetricsRegistry& metrics)
    : options_(options),
      role_(role),
      clock_(clock),
      connected_(metrics.GetGauge("sluice_mqtt_connected", "1 while connected to the broker.",
                                  {{"connection", options.name}, {"role", role}})),
      connects_ok_(Connects(metrics, options.name, role, "ok")),
      connects_refused_(Connects(metrics, options.name, role, "refused")),
      connects_failed_(Connects(metrics, options.name, role, "failed")),
      backoff_(kFirstRetry, options.max_reconnect_interval, RandomSeed()) {}

void ConnectionLife::Up(bool session_present) {
  up_since_ = clock_.Now();
  connects_ok_.Add();
  connected_.Set(1);
  log::Info(
      "mqtt connected",
      {{"connection", options_.name}, {"role", role_}, {"server", options_.uri}, {"session_present", session_present}});
}

SteadyTime ConnectionLife::ConnectFailed(const std::string& error, bool refused) {
  (refused ? connects_refused_ : connects_failed_).Add();
  const SteadyTime due = clock_.Now() + backoff_.Next();
  log::Write(refused ? log::Level::kError : log::Level::kWarning, "mqtt connect failed",
             {{"connection", options_.name}, {"role", role_}, {"error", error}, {"retry_ms", UntilMs(due, clock_)}});
  return due;
}

SteadyTime ConnectionLife::Lost(const std::string& why, uint8_t reason) {
  if (clock_.Now() - up_since_ >= kHeld) backoff_.Reset();
  connected_.Set(0);
  const bool takeover = reason == reason::kSessionTakenOver;
  const SteadyTime due = clock_.Now() + backoff_.Next(takeover ? kAfterTakeover : Millis{0});
  log::Write(takeover ? log::Level::kError : log::Level::kWarning, "mqtt connection lost",
             {{"connection", options_.name}, {"role", role_}, {"why", why}, {"retry_ms", UntilMs(due, clock_)}});
  return due;
}

void ConnectionLife::Disconnecting(const std::string& why) {
  log::Info("mqtt disconnecting", {{"connection", options_.name}, {"role", role_}, {"why", why}});
}

void ConnectionLife::Down() {
  if (clock_.Now() - up_since_ >= kHeld) backoff_.Reset();
  connected_.Set(0);
}

}  // namespace sluice
