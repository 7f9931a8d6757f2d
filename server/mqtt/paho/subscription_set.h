// The subscriptions of one intake connection: which are granted, which are asked for, which are to be asked for again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/mqtt/backoff.h"
#include "server/mqtt/driver.h"
#include "server/mqtt/paho/client.h"
#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice::paho {

// Control thread only.
class SubscriptionSet {
 public:
  SubscriptionSet(const std::string& connection, std::vector<Subscription> subscriptions, const MqttOptions& options,
                  const Clock& clock, MetricsRegistry& metrics);

  // A connection is up. Asks for everything again unless the broker has the session that granted it; the first time
  // in any case, because an older process may have subscribed to other things.
  void OnUp(const ConnectResult& result);
  void OnDown();
  // Asks for what is due and reads the answers. Returns when it wants to be called next at the latest.
  SteadyTime Advance(Client& client);

  // Leaves the shared subscriptions, and does not ask for them again.
  void LeaveShared(Client& client);
  // Whether the broker has answered to that.
  bool left_shared();

  // Of the first that is not granted, for people; empty when all are.
  std::string Detail() const;
  // Set when the broker does not answer a request in time: the connection is of no use.
  bool unresponsive() const { return unresponsive_; }

 private:
  enum class State : uint8_t { kWanted, kAsked, kGranted, kRefused, kLeft };
  struct Item {
    Subscription subscription;
    Backoff backoff;
    State state = State::kWanted;
    uint8_t code = 0;  // kRefused: the reason.
    SteadyTime due{};  // kWanted: when to ask; kAsked: when to give up; kRefused: when to ask again.
    mqtt::token_ptr token = nullptr;
  };

  void Ask(Item& item, Client& client);
  void ReadAnswer(Item& item);
  std::string Describe(uint8_t code) const;

  const std::string connection_;
  const MqttOptions& options_;
  const Clock& clock_;
  Gauge& refused_gauge_;

  std::vector<Item> items_;
  std::vector<mqtt::token_ptr> leaving_;
  bool subscribed_before_ = false;
  bool identifiers_ = true;  // The broker takes subscription identifiers.
  bool unresponsive_ = false;
};

}  // namespace sluice::paho
