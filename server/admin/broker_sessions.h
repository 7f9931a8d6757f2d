// Ends sessions at brokers by connecting as their client, with a clean start (MQTT 5.0 §3.1.2.4), and leaving again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/admin/session_ender.h"
#include "server/mqtt/intake.h"
#include "server/mqtt/options.h"
#include "server/runtime/clock.h"
#include "server/runtime/live.h"
#include "server/runtime/mutex.h"

namespace sluice {

// Thread-safe; one call at a time.
class BrokerSessions final : public SessionEnder {
 public:
  // Makes what ends the session of `options`, and then calls `ended`, from a thread of its own.
  using MakeFarewell =
      std::function<std::unique_ptr<SessionFarewell>(const MqttOptions& options, std::function<void()> ended)>;
  // How long a broker may take.
  static constexpr Millis kTimeout{10'000};

  // `gateway` is the name of this replica. `own` are all connections that it has, with the client ids that it uses;
  // `name` is that of the configuration. `clock` outlives it.
  BrokerSessions(std::string gateway, std::vector<MqttOptions> own, MakeFarewell make_farewell, const Clock& clock);
  ~BrokerSessions() override;
  BrokerSessions(const BrokerSessions&) = delete;
  BrokerSessions& operator=(const BrokerSessions&) = delete;

  // As the constructor's.
  void SetOwn(std::vector<MqttOptions> own) { own_.Set(std::move(own)); }

  absl::StatusOr<std::vector<EndedSession>> EndSessions(const std::string& gateway, const std::string& client_id,
                                                        const std::string& connection) override;

 private:
  // Whom to connect as, and to which brokers.
  absl::StatusOr<std::vector<MqttOptions>> Targets(const std::string& gateway, const std::string& client_id,
                                                   const std::string& connection) const;

  const std::string gateway_;
  Live<std::vector<MqttOptions>> own_;
  const MakeFarewell make_farewell_;
  const Clock& clock_;

  Mutex one_call_;
};

}  // namespace sluice
