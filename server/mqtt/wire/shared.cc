#include "server/mqtt/wire/shared.h"

#include <utility>

namespace sluice::wire {

SharedCore::SharedCore(MqttOptions options, PublishListener& listener, const Clock& clock, MetricsRegistry& metrics)
    : clock_(clock),
      metrics_(metrics),
      link_(std::move(options), Link::Role::kShared, clock, metrics),
      egress_(link_, listener, clock) {
  link_.Serve(*this);
}

IntakeCore& SharedCore::MakeIntake(std::vector<Subscription> subscriptions, InboundSink& sink) {
  intake_.emplace(link_, /*shares_link=*/true, std::move(subscriptions), sink, clock_, metrics_);
  in_ = &*intake_;
  link_.AwaitAnotherStart();
  return *intake_;
}

void SharedCore::OnUp(const Connack& connack, bool session_kept) {
  out_.OnUp(connack, session_kept);
  if (in_ != nullptr) in_->OnUp(connack, session_kept);
}

void SharedCore::OnDown(uint8_t reason) {
  if (in_ != nullptr) in_->OnDown(reason);
  out_.OnDown(reason);
}

void SharedCore::OnPublish(const Publish& publish, const std::shared_ptr<const void>& storage) {
  if (in_ != nullptr) in_->OnPublish(publish, storage);
}

void SharedCore::OnBadPublish(const BadPacket& packet) {
  if (in_ != nullptr) in_->OnBadPublish(packet);
}

void SharedCore::OnAnswerAstray() {
  out_.OnAnswerAstray();
  if (in_ != nullptr) in_->OnAnswerAstray();
}

void SharedCore::OnReleased(uint16_t packet_id) {
  if (in_ != nullptr) in_->OnReleased(packet_id);
}

void SharedCore::OnSuback(uint16_t packet_id, uint8_t code) {
  if (in_ != nullptr) in_->OnSuback(packet_id, code);
}

void SharedCore::OnUnsuback(uint16_t packet_id, uint8_t code) {
  if (in_ != nullptr) in_->OnUnsuback(packet_id, code);
}

absl::Status SharedCore::OnBatch() {
  if (in_ == nullptr) return out_.OnBatch();
  // First: what it takes in is acknowledged in the same write in which new replies go out.
  const absl::Status taken = in_->OnBatch();
  egress_.TellOutcomes();
  return taken;
}

void SharedCore::OnTime() {
  if (in_ != nullptr) in_->OnTime();
}

}  // namespace sluice::wire
