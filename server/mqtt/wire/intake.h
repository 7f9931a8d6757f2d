// IntakeConnection over the wire client. Its parts: Link keeps the connection, SubscriptionSet the subscriptions; this
// file hands what each read brought to the sink, and acknowledges.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/mqtt/intake.h"
#include "server/mqtt/intake_handle.h"
#include "server/mqtt/retained_gate.h"
#include "server/mqtt/subscription_set.h"
#include "server/mqtt/wire/inbound.h"
#include "server/mqtt/wire/link.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/metrics.h"

namespace sluice::wire {

// What outlives an Intake whose thread had to be left behind.
class IntakeCore final : public Link::User {
 public:
  // `link` lives as long as this. `shares_link`: with egress, which must not wait for intake. So the link is read while
  // intake rests, too, and goes on when intake stops.
  IntakeCore(Link& link, bool shares_link, std::vector<Subscription> subscriptions, InboundSink& sink,
             const Clock& clock, MetricsRegistry& metrics);

  Link& link() { return link_; }
  void Pause(std::string reason);
  void Resume();
  void StayOut(std::vector<size_t> shared_subscriptions);
  void Resubscribe(std::vector<Subscription> subscriptions);
  bool UnsubscribeShared(SteadyTime deadline);
  // As IntakeConnection's.
  void Stop(SteadyTime deadline);
  ConnectionState State() const;

 private:
  // No OnMessages runs or follows after it.
  void LetGoOfSink();
  // On the loop's thread.
  void OnUp(const Connack& connack, bool session_kept) override;
  void OnDown(uint8_t reason) override;
  void OnPublish(const Publish& publish, const std::shared_ptr<const void>& storage) override;
  void OnBadPublish(const BadPacket& packet) override;
  void OnReleased(uint16_t packet_id) override { released_.push_back(packet_id); }
  void OnSuback(uint16_t packet_id, uint8_t code) override;
  void OnUnsuback(uint16_t packet_id, uint8_t code) override;
  void OnAnswerAstray() override;
  absl::Status OnBatch() override;
  void OnTime() override;
  bool MayRead() const override;
  // Hands the batch to the sink and acknowledges it; on an error it stays, to be offered again.
  absl::Status Offer();
  void Refused(const absl::Status& why);
  void TakenAgain();
  // Of packets of QoS 2; an error gives the connection up, so that their PUBCOMP is never sent.
  absl::Status TellReleased();
  // Asks for and leaves what is due.
  void Advance();
  void Subscribe(size_t index);
  void Unsubscribe(size_t index);
  // Requests whose answers nobody waits for any more.
  void ForgetUnheard();

  // Of a shared link: from now on what comes is neither taken in nor acknowledged, so that the broker sends it again
  // with the next connection.
  void PassOver();
  // Intake goes on: has the broker send what was passed over. True if the connection is given up for it.
  bool CatchUp();

  const Clock& clock_;
  Link& link_;
  const bool shares_link_;
  Counter& unwanted_retained_;
  RetainedGate retained_;
  SubscriptionSet subscriptions_;

  // Of the loop's thread.
  bool withholding_ = false;         // Acknowledgements, while paused.
  bool session_lost_ = false;        // And the sink has not been told.
  bool session_foreign_ = false;     // As session_lost_, and the broker has one: perhaps another server's.
  bool passing_over_ = false;        // See PassOver(), until the connection ends.
  bool stopped_ = false;             // Of a shared link: intake only.
  SteadyTime offer_again_ = kNever;  // When the sink did not take the batch.
  Arrival arrival_;                  // Of the batch.
  std::vector<InboundMessage> batch_;
  std::vector<uint16_t> released_;                    // Packets of QoS 2.
  std::vector<std::pair<uint16_t, size_t>> asked_;    // Packet id of a SUBSCRIBE, and the subscription's index.
  std::vector<std::pair<uint16_t, size_t>> leaving_;  // Of an UNSUBSCRIBE, likewise.
  std::vector<size_t> asking_, leaving_now_;          // Scratch.

  // Held while the sink is called.
  Mutex sink_mutex_;
  InboundSink* sink_ ABSL_GUARDED_BY(sink_mutex_);

  SubscriptionNews news_;

  mutable Mutex mutex_;
  std::string pause_reason_ ABSL_GUARDED_BY(mutex_);  // Empty: not paused.
  bool stop_shown_ ABSL_GUARDED_BY(mutex_) = false;   // Stopped on a link that goes on.
  std::string refusal_ ABSL_GUARDED_BY(mutex_);       // Why the sink does not take the batch; empty: it does.
};

using Intake = IntakeHandle<IntakeCore>;

}  // namespace sluice::wire
