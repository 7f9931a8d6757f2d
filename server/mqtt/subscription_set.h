// The subscriptions of one intake connection: which are granted, which are asked for, which are to be asked for again.
// Pure logic: a driver sends what it is told to and hands back the broker's answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "server/mqtt/backoff.h"
#include "server/mqtt/driver.h"
#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Not thread-safe. Subscriptions are named by their index, which never changes.
class SubscriptionSet {
 public:
  // `options` and `clock` must outlive it.
  SubscriptionSet(std::vector<Subscription> subscriptions, const MqttOptions& options, const Clock& clock,
                  MetricsRegistry& metrics);

  const Subscription& at(size_t index) const { return items_[index].subscription; }
  size_t size() const { return items_.size(); }

  // A connection is up. Everything is to be asked for again unless the broker has the session that granted it; the
  // first time in any case, because an older process may have subscribed to other things.
  void OnUp(bool session_present);
  void OnDown();

  // Appends to `due` what to ask for now; each then counts as asked. Returns when to come again at the latest.
  SteadyTime TakeDue(std::vector<size_t>& due);
  // The broker's answer to a SUBSCRIBE: granted QoS, or ≥ 0x80. Without effect on what is not asked for any more.
  void Answered(size_t index, uint8_t code);
  // It could not be asked for, or the answer will not come: to be asked for again.
  void Failed(size_t index);

  // Leaves the shared subscriptions: appends to `leave` those to unsubscribe, once. They are not asked for again.
  void LeaveShared(std::vector<size_t>& leave);
  // The broker has answered to an UNSUBSCRIBE, or cannot.
  void Left(size_t index);
  // LeaveShared() was called, and all of it is answered.
  bool left_shared() const;

  // Of the first that is not granted, for people; empty when all are.
  std::string Detail() const;
  // The broker did not answer a request in time: the connection is of no use.
  bool unresponsive() const { return unresponsive_; }

 private:
  enum class State : uint8_t { kWanted, kAsked, kGranted, kRefused, kLeaving, kLeft };
  struct Item {
    Subscription subscription;
    Backoff backoff;
    State state = State::kWanted;
    uint8_t code = 0;  // kRefused: the reason.
    SteadyTime due{};  // kWanted: when to ask; kAsked: when to give up; kRefused: when to ask again.
  };

  void Refused(Item& item, uint8_t code);
  std::string Describe(uint8_t code) const;

  const MqttOptions& options_;
  const Clock& clock_;
  Gauge& refused_gauge_;

  std::vector<Item> items_;
  bool subscribed_before_ = false;
  bool leave_shared_ = false;
  bool unresponsive_ = false;
};

}  // namespace sluice
