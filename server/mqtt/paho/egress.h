// Publisher over Paho. PublishQueue knows what may go out, Link keeps the connection; this file moves messages between
// the two, from whichever thread comes by: the control thread when idle, Paho's callbacks while confirmations come in.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "server/mqtt/driver.h"
#include "server/mqtt/paho/link.h"
#include "server/mqtt/publish_queue.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/metrics.h"

namespace sluice::paho {

// What outlives an Egress whose control thread had to be left behind.
class EgressCore final : public Link::User {
 public:
  EgressCore(MqttOptions options, PublishListener& listener, const Clock& clock, MetricsRegistry& metrics);

  Link& link() { return link_; }
  void Publish(std::vector<Outgoing> batch);
  size_t Flush(SteadyTime deadline);
  // No OnOutcomes runs or follows after it.
  void LetGoOfListener();
  ConnectionState State() const;

 private:
  void OnUp(Client& client, const ConnectResult& result) override;
  void OnDown(uint8_t reason) override;
  SteadyTime OnControl(Client* client) override;
  void OnMessage(const mqtt::const_message_ptr& /*message*/) override {}
  void OnPublished(Client& client, uint64_t sequence, Receiver::Published outcome, uint8_t reason) override;

  // Hands to Paho what may go out. One thread at a time, so that the order holds; a second one leaves it to the first.
  void Send(Client& client, bool in_callback);
  // Hands the outcomes gathered so far to the listener; one thread at a time, likewise.
  void TellOutcomes();

  const Clock& clock_;
  Link link_;

  // Held while the listener is called.
  Mutex listener_mutex_;
  PublishListener* listener_ ABSL_GUARDED_BY(listener_mutex_);

  Mutex mutex_;
  CondVar changed_;
  PublishQueue queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<PublishOutcome> outcomes_ ABSL_GUARDED_BY(mutex_);
  bool sending_ ABSL_GUARDED_BY(mutex_) = false;
  bool telling_ ABSL_GUARDED_BY(mutex_) = false;
  bool connected_ ABSL_GUARDED_BY(mutex_) = false;

  // Of the thread that set sending_, respectively telling_: kept for their capacity.
  std::vector<PublishQueue::Sent> to_send_;
  std::vector<PublishOutcome> to_tell_;
};

class Egress final : public Publisher {
 public:
  explicit Egress(std::shared_ptr<EgressCore> core) : core_(std::move(core)) {}
  ~Egress() override;

  void Start() override { core_->link().Start(core_); }
  void Publish(std::vector<Outgoing> batch) override { core_->Publish(std::move(batch)); }
  size_t Flush(SteadyTime deadline) override { return core_->Flush(deadline); }
  void Stop(SteadyTime deadline) override;
  ConnectionState State() const override { return core_->State(); }

 private:
  const std::shared_ptr<EgressCore> core_;
};

}  // namespace sluice::paho
