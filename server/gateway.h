// The gateway: its stages in the order of a message's path, and the order in which they stop. Wiring only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/config.h"
#include "server/mqtt/driver.h"
#include "server/open_journal.h"
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
  std::function<std::unique_ptr<SessionEnd>(const MqttOptions&, std::function<void()> ended, const Clock&)>
      end_session = nullptr;

  // Sluice's own client for replies, and for intake the one that each connection's options name.
  static MqttDrivers Real();
};

// What a gateway is made of besides its configuration.
struct GatewayParts {
  MqttDrivers mqtt = MqttDrivers::Real();
  JournalSeams journal;
};

// Made, started and shut down by one thread.
class Gateway {
 public:
  // Binds its listeners and starts every stage; brokers may be away. An error names what could not be had.
  static absl::StatusOr<std::unique_ptr<Gateway>> Start(const GatewayConfig& config, GatewayParts parts);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Ends in order, within `drain` and a little more:
  //  1. not ready (/readyz), so that no one is sent here any more;
  //  2. intake: leaves shared subscriptions, then disconnects; what the broker had not seen acknowledged stays there;
  //  3. what was taken in is delivered and settled, its replies confirmed, as long as `drain` allows;
  //  4. workers are sent Drain and a moment later UNAVAILABLE; replies are flushed; egress disconnects.
  // True when nothing taken in was left over. What is left stays in the journal, unless that is in memory.
  bool Shutdown(Millis drain);

  // The addresses bound, with the ports chosen where the configuration said 0. HTTP's and admin's may be empty.
  const std::string& workers_address() const;
  const std::string& http_address() const;
  const std::string& admin_address() const;

 private:
  class Stages;
  explicit Gateway(std::unique_ptr<Stages> stages);
  std::unique_ptr<Stages> stages_;
};

}  // namespace sluice
