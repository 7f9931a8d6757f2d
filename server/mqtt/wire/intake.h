// IntakeConnection over the wire client. Its parts: Link keeps the connection, SubscriptionSet the subscriptions; this
// class hands what each read brought to the sink, and acknowledges. A sink that waits for a disk has a thread for that, the
// Taker's: the loop hands over, goes on, and acknowledges when the news come that a turn is taken.
#pragma once

#include <deque>
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
#include "server/mqtt/wire/taker.h"
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
  bool OwesAcknowledgements() const override { return !pending_.empty(); }
  // Hands the batch to the sink and acknowledges it; on an error it stays, to be offered again.
  absl::Status Offer();
  void Refuse(const std::string& why);
  void TakenAgain();
  // ---- with a Taker (intake_taking.cc)
  // Hands over what one read brought, in its order, but for QoS 0, which goes past.
  absl::Status HandOver();
  absl::Status TakeAtMostOnce();
  void OnNews();
  // The connection is gone.
  void AbandonPending();
  // So much is handed over and not taken that no more is to come.
  bool Overfull() const;
  // The sink is to hear of a new session before anything is asked for in it.
  bool SessionUntold() const { return taker_ != nullptr && (session_lost_ || taker_->SessionUntold()); }
  // Before the connection is stopped: what is handed over is taken and acknowledged, if that does not take long.
  void FinishTaking(SteadyTime deadline);

  // The session has this filter now, or has it no more as a remainder.
  void TellSink(const std::string& filter, bool granted);
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
  bool stopped_ = false;             // Intake; a shared link goes on.
  bool refused_ = false;             // The sink did not take what is next.
  SteadyTime offer_again_ = kNever;  // When it is offered again; with a Taker, that does it.
  Arrival arrival_;                  // Of the batch.
  std::vector<InboundMessage> batch_;
  std::vector<uint16_t> released_;                    // Packets of QoS 2.
  std::vector<std::pair<uint16_t, size_t>> asked_;    // Packet id of a SUBSCRIBE, and the subscription's index.
  std::vector<std::pair<uint16_t, size_t>> leaving_;  // Of an UNSUBSCRIBE, likewise.
  std::vector<size_t> asking_, leaving_now_;          // Scratch.

  // Of the loop's thread, with a Taker: its turns, which it has not told of yet.
  struct Pending {
    uint64_t received = 0;  // Client::received(), at its end.
    size_t released = 0;    // PUBCOMPs that wait for it.
    size_t bytes = 0;
    std::vector<uint16_t> packet_ids{};  // Of its messages of QoS 2.
  };
  std::deque<Pending> pending_;
  size_t pending_bytes_ = 0;
  std::vector<std::pair<std::string, bool>> filters_;  // See Taker::Turn.
  std::vector<InboundMessage> at_most_once_;           // Scratch.
  bool subscribes_later_ = false;                      // See SessionUntold().

  // Held while the sink is called, by the loop's thread. With a Taker: its AtMostOnce().
  Mutex sink_mutex_;
  InboundSink* sink_ ABSL_GUARDED_BY(sink_mutex_);

  SubscriptionNews news_;

  mutable Mutex mutex_;
  std::string pause_reason_ ABSL_GUARDED_BY(mutex_);  // Empty: not paused.
  bool stop_shown_ ABSL_GUARDED_BY(mutex_) = false;   // Stopped on a link that goes on.
  std::string refusal_ ABSL_GUARDED_BY(mutex_);       // Why the sink does not take the batch; empty: it does.

  std::unique_ptr<Taker> taker_;  // Null: the sink waits for nothing. Last: its thread tells of news.
};

using Intake = IntakeHandle<IntakeCore>;

}  // namespace sluice::wire
