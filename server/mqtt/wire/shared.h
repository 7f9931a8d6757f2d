// Intake and egress on one MQTT connection, for brokers that tie a user to one client id. Each does what it does on its
// own; this hands both what the link tells.
//
// Replies never wait for intake: the link is read while intake rests, and what comes past the window meanwhile is
// passed over, for the broker to send again (IntakeCore::PassOver). Intake stops first, egress with the link.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "server/mqtt/intake.h"
#include "server/mqtt/options.h"
#include "server/mqtt/publisher.h"
#include "server/mqtt/wire/egress.h"
#include "server/mqtt/wire/intake.h"
#include "server/mqtt/wire/link.h"

namespace sluice::wire {

class SharedCore final : public Link::User {
 public:
  SharedCore(MqttOptions options, PublishListener& listener, const Clock& clock, MetricsRegistry& metrics);

  EgressCore& egress() { return egress_; }
  // Once, before the start.
  IntakeCore& MakeIntake(std::vector<Subscription> subscriptions, InboundSink& sink);

 private:
  void OnUp(const Connack& connack, bool session_kept) override;
  void OnDown(uint8_t reason) override;
  bool ExpectsBreak() const override { return out_.ExpectsBreak(); }
  void OnPublish(const Publish& publish, const std::shared_ptr<const void>& storage) override;
  void OnBadPublish(const BadPacket& packet) override;
  void OnAnswerAstray() override;
  void OnReleased(uint16_t packet_id) override;
  void OnPublished(uint64_t token, uint8_t reason) override { out_.OnPublished(token, reason); }
  void OnSuback(uint16_t packet_id, uint8_t code) override;
  void OnUnsuback(uint16_t packet_id, uint8_t code) override;
  absl::Status OnBatch() override;
  void Produce() override { out_.Produce(); }
  void OnWritten() override { out_.OnWritten(); }
  void OnTime() override;
  bool MayRead() const override { return in_ == nullptr || in_->MayRead(); }
  bool OwesAcknowledgements() const override { return in_ != nullptr && in_->OwesAcknowledgements(); }

  const Clock& clock_;
  MetricsRegistry& metrics_;
  Link link_;
  EgressCore egress_;
  std::optional<IntakeCore> intake_;

  Link::User& out_ = egress_;
  Link::User* in_ = nullptr;  // Null: nothing is taken in.
};

}  // namespace sluice::wire
