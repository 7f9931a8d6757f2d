// The gateway: its stages in the order of a message's path, and the order in which they stop. Wiring only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/config.h"
#include "server/mqtt/intake.h"
#include "server/mqtt/options.h"
#include "server/mqtt/publisher.h"
#include "server/mqtt/shared_connection.h"
#include "server/open_journal.h"
#include "server/reload/config_control.h"
#include "server/reload/running_config.h"
#include "server/rpc/service/service.h"
#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// How connections to brokers are made; benchmarks and tests put fakes here.
struct MqttDrivers {
  std::function<std::unique_ptr<IntakeConnection>(const MqttOptions&, std::vector<Subscription>, InboundSink&,
                                                  const Clock&, MetricsRegistry&)>
      intake;
  std::function<std::unique_ptr<Publisher>(const MqttOptions&, PublishListener&, const Clock&, MetricsRegistry&)>
      publisher;
  // May be null: sessions that no configuration uses are left alone.
  std::function<std::unique_ptr<SessionFarewell>(const MqttOptions&, std::function<void()> ended, const Clock&)>
      end_session = nullptr;
  std::function<SharedConnection(const MqttOptions&, PublishListener&, const Clock&, MetricsRegistry&)> shared =
      nullptr;

  // Sluice's own client for replies, and for intake the one that each connection's options name.
  static MqttDrivers Real();
};

// Where tests look at messages, or make the process end over one. Unset: nowhere.
struct GatewaySeams {
  // In place of the workers' listener: gets their service at the start.
  std::function<void(rpc::Service workers)> serve_workers;
  std::function<void(const Message&)> read_back;  // From the journal at the start.
  std::function<void(const Message&)> delivered;  // About to be written to a worker.
  std::function<void(const Message&)> kept;       // About to be written to the dead letters' database.
};

// What a gateway is made of besides its configuration.
struct GatewayParts {
  MqttDrivers mqtt = MqttDrivers::Real();
  JournalSeams journal;
  GatewaySeams seams = {};
  ConfigOrigin origin = {};
  // Of a test that says what time it is: then nothing is done in time but by Gateway::Tick(). Null: the machine's.
  const Clock* clock = nullptr;
  // Of jitter and of sessions' names. None: another in each process.
  std::optional<uint64_t> seed = {};
};

// Built, started and shut down by one thread; it takes changes of its configuration from any.
class Gateway {
 public:
  // Makes every stage, and opens the journal and what stands beside it; nothing listens, and no broker hears of it. An
  // error names what could not be had.
  static absl::StatusOr<std::unique_ptr<Gateway>> Build(const GatewayConfig& config, GatewayParts parts);
  // In whatever state it is. Without Shutdown() nothing is drained: what is left is as after a kill.
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Binds the listeners and lets every stage begin, once; brokers may be away. An error names what could not be had, and
  // the gateway is only to be destroyed.
  absl::Status Start();

  // Ends in order, within `drain` and a little more:
  //  1. not ready (/readyz), so that no one is sent here any more; shared subscriptions are left;
  //  2. with a journal on disk, until what workers hold is settled: chains that flow go on, intake too; those that are
  //     slow or have no worker get nothing more. Without, intake ends first, and all that was taken in is delivered and
  //     settled. Neither takes longer than `drain`;
  //  3. intake disconnects; what the broker had not seen acknowledged stays there;
  //  4. workers are sent Drain and a moment later UNAVAILABLE; replies are flushed; egress disconnects.
  // One that was not started has nothing to end; a second call returns what the first did.
  // False: with a journal on disk, workers did not settle in time what they held (it stays in the journal); without,
  // something is lost.
  bool Shutdown(Millis drain);

  // Reads the configuration anew and makes it the one that runs (docs/operations.md); what comes of it is in the log, too.
  // `asker`: who wants it, for people. An error says why not; then nothing has changed. Thread-safe.
  absl::Status Reload(const std::string& asker);
  // With the clock of GatewayParts: does what is due by it.
  void Tick();

  // The configuration that runs. Thread-safe.
  std::shared_ptr<const GatewayConfig> config() const;
  // How administrators look at it and change it; lives as long as the gateway.
  ConfigControl& configuration();
  ConfigVersion config_version() const;

  // After Start(): the addresses bound, with the ports chosen where the configuration said 0. HTTP's, admin's and the dashboard's may be
  // empty.
  const std::string& workers_address() const;
  const std::string& http_address() const;
  const std::string& admin_address() const;
  const std::string& dashboard_address() const;

 private:
  class Stages;
  explicit Gateway(std::unique_ptr<Stages> stages);
  std::unique_ptr<Stages> stages_;
};

}  // namespace sluice
