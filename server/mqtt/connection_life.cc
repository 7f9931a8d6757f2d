#include "server/mqtt/connection_life.h"

#include <algorithm>

#include "server/mqtt/reason_codes.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr Millis kFirstRetry{500};
// A connection that held this long has its back-off start over.
constexpr Millis kHeld{5'000};
// Connections in a row that did not hold, from which on that looks like two clients with one id.
constexpr int kSuspiciousShortLives = 3;
// After a connection whose end was expected; and how many of these there may be while no connection holds.
constexpr Millis kAfterExpected{20};
constexpr int kMostExpected = 32;
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

std::string VersionHint(const MqttOptions& options) {
  return options.mqtt5 ? "; if it knows MQTT 3.1.1 only, set protocol to \"3.1.1\"" : "";
}

ConnectionLife::ConnectionLife(const MqttOptions& options, const char* role, const Clock& clock,
                               MetricsRegistry& metrics)
    : options_(options),
      role_(role),
      clock_(clock),
      connected_(metrics.GetGauge("sluice_mqtt_connected", "1 while connected to the broker.",
                                  {{"connection", options.name}, {"role", role}})),
      server_place_(metrics.GetGauge("sluice_mqtt_server_place",
                                     "Place in the list of `server` of the one that it is connected to, from 1; 0: not "
                                     "connected, or to one that a "
                                     "broker has named.",
                                     {{"connection", options.name}, {"role", role}})),
      connects_ok_(Connects(metrics, options.name, role, "ok")),
      connects_refused_(Connects(metrics, options.name, role, "refused")),
      connects_failed_(Connects(metrics, options.name, role, "failed")),
      servers_(options),
      backoff_(kFirstRetry, options.max_reconnect_interval, RandomSeed()) {}

void ConnectionLife::Up(const Accepted& accepted) {
  up_since_ = clock_.Now();
  connects_ok_.Add();
  connected_.Set(1);
  servers_.Up();
  server_place_.Set(static_cast<int64_t>(servers_.place()));
  assigned_client_id_ = accepted.assigned_client_id;
  log::Info("mqtt connected", {{"connection", options_.name},
                               {"role", role_},
                               {"server", servers_.current()},
                               {"client_id", client_id()},
                               {"session_present", accepted.session_present}});
  if (accepted.session_expiry_s) TellShortenedSession(*accepted.session_expiry_s);
}

std::string_view ConnectionLife::client_id() const {
  if (!options_.client_id.empty()) return options_.client_id;
  return assigned_client_id_.empty() ? "(chosen by the broker)" : std::string_view(assigned_client_id_);
}

void ConnectionLife::TellShortenedSession(uint32_t granted_s) {
  const bool takes_in = std::string_view(role_) != "replies";
  if (!takes_in || options_.clean_session || granted_s >= options_.session_expiry_s || told_expiry_s_ == granted_s)
    return;
  told_expiry_s_ = granted_s;
  log::Warning(
      "the broker keeps the session for less than sessionExpiry: what comes while the gateway is away for longer is "
      "lost",
      {{"connection", options_.name},
       {"asked_s", static_cast<int64_t>(options_.session_expiry_s)},
       {"granted_s", static_cast<int64_t>(granted_s)}});
}

SteadyTime ConnectionLife::ConnectFailed(const std::string& error, bool refused,
                                         const std::vector<std::string>& instead) {
  (refused ? connects_refused_ : connects_failed_).Add();
  const std::string server = servers_.current();
  const bool another = servers_.Refer(instead) || servers_.Failed();
  const SteadyTime due = clock_.Now() + (another ? Millis{0} : backoff_.Next());
  log::Write(refused ? log::Level::kError : log::Level::kWarning, "mqtt connect failed",
             {{"connection", options_.name},
              {"role", role_},
              {"server", server},
              {"client_id", client_id()},
              {"error", error},
              {"retry_ms", UntilMs(due, clock_)}});
  return due;
}

SteadyTime ConnectionLife::Lost(const std::string& why, uint8_t reason, bool expected,
                                const std::vector<std::string>& instead) {
  const bool takeover = reason == reason::kSessionTakenOver;
  if (clock_.Now() - up_since_ >= kHeld) {
    backoff_.Reset();
    short_lives_ = expected_ = 0;
    servers_.Held();
  }
  const std::string server = servers_.current();
  const bool referred = servers_.Refer(instead);
  const bool at_once = expected && !takeover && !referred && expected_ < kMostExpected;
  if (!referred) ++(at_once ? expected_ : short_lives_);
  connected_.Set(0);
  server_place_.Set(0);
  const char* hint = "";
  if (at_once) {
    hint = " (it may be over a reply: those under way are tried again one by one)";
  } else if (!takeover && short_lives_ >= kSuspiciousShortLives) {
    hint = " (again and again: perhaps another client connects with the same client id)";
  }
  Millis pause = at_once ? kAfterExpected : Millis{0};
  if (!at_once && !referred) pause = backoff_.Next(takeover ? kAfterTakeover : Millis{0});
  const SteadyTime due = clock_.Now() + pause;
  log::Write(takeover ? log::Level::kError : log::Level::kWarning, "mqtt connection lost",
             {{"connection", options_.name},
              {"role", role_},
              {"server", server},
              {"client_id", client_id()},
              {"why", why + hint},
              {"retry_ms", UntilMs(due, clock_)}});
  return due;
}

void ConnectionLife::Disconnecting(const std::string& why) {
  log::Info("mqtt disconnecting", {{"connection", options_.name}, {"role", role_}, {"why", why}});
}

void ConnectionLife::Down() {
  if (clock_.Now() - up_since_ >= kHeld) backoff_.Reset();
  connected_.Set(0);
  server_place_.Set(0);
}

}  // namespace sluice
