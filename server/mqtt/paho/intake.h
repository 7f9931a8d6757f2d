// IntakeConnection over Paho. Its parts: Link keeps the connection, SubscriptionSet knows what to subscribe to; this
// file carries its requests to Paho and hands messages to the sink.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/mqtt/intake.h"
#include "server/mqtt/intake_handle.h"
#include "server/mqtt/options.h"
#include "server/mqtt/paho/link.h"
#include "server/mqtt/retained_gate.h"
#include "server/mqtt/subscription_set.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/log_limit.h"
#include "server/telemetry/metrics.h"

namespace sluice::paho {

// What outlives an Intake whose control thread had to be left behind.
class IntakeCore final : public Link::User {
 public:
  IntakeCore(MqttOptions options, std::vector<Subscription> subscriptions, InboundSink& sink, const Clock& clock,
             MetricsRegistry& metrics);

  Link& link() { return link_; }
  void Pause(std::string reason) { link_.Pause(std::move(reason)); }
  void Resume() { link_.Resume(); }
  void StayOut(std::vector<size_t> shared_subscriptions);
  void Resubscribe(std::vector<Subscription> subscriptions);
  bool UnsubscribeShared(SteadyTime deadline);
  // As IntakeConnection's.
  void Stop(SteadyTime deadline);
  ConnectionState State() const;

 private:
  void OnUp(Client& client, const ConnectResult& result) override;
  void OnDown() override;
  SteadyTime OnControl(Client* client) override;
  void OnMessage(const mqtt::const_message_ptr& message) override;
  // Counts and logs what is malformed.
  void PassedOver(const InboundMessage& inbound);

  const Clock& clock_;
  log::Limiter log_limit_;
  Counter& bad_topics_;
  Counter& bad_properties_;
  Link link_;

  // A SUBSCRIBE or UNSUBSCRIBE under way, for the subscription of this index.
  struct Request {
    size_t index = 0;
    mqtt::token_ptr token;
  };
  void Ask(Client& client, size_t index);
  void Leave(Client& client, size_t index);
  // Hands what was asked for since the last time to the subscription set. Whether these are other subscriptions.
  bool ReadWishes();
  // Hands the answers that came to the subscription set.
  void ReadAnswers();

  Counter& unwanted_retained_;

  Mutex retained_mutex_;
  RetainedGate retained_ ABSL_GUARDED_BY(retained_mutex_);

  // Control thread only.
  SubscriptionSet subscriptions_;
  bool identifiers_ = true;  // The broker takes subscription identifiers.
  std::vector<Request> asked_;
  std::vector<Request> leaving_;
  std::vector<size_t> asking_, leaving_now_;  // Scratch.

  // Held while the sink is called.
  Mutex sink_mutex_;
  InboundSink* sink_ ABSL_GUARDED_BY(sink_mutex_);

  SubscriptionNews news_;

  Mutex mutex_;
  std::optional<std::vector<size_t>> stay_out_ ABSL_GUARDED_BY(mutex_);           // Not handed on yet.
  std::optional<std::vector<Subscription>> resubscribe_ ABSL_GUARDED_BY(mutex_);  // Likewise.
  std::vector<std::string> remainders_ ABSL_GUARDED_BY(mutex_);                   // Likewise.
  bool leave_shared_ ABSL_GUARDED_BY(mutex_) = false;
};

using Intake = IntakeHandle<IntakeCore>;

}  // namespace sluice::paho
