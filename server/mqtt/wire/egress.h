// Publisher over the wire client. PublishQueue knows what may go out, Link keeps the connection; this file moves
// messages between the two. What is handed over while a write is under way goes out together in the next one.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "server/mqtt/publish_queue.h"
#include "server/mqtt/publisher.h"
#include "server/mqtt/wire/link.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/metrics.h"

namespace sluice::wire {

// What outlives an Egress whose thread had to be left behind.
class EgressCore final : public Link::User {
 public:
  // `link` lives as long as this.
  EgressCore(Link& link, PublishListener& listener, const Clock& clock);

  Link& link() { return link_; }
  void Publish(std::vector<Outgoing> batch);
  void DropExpired();
  size_t Flush(SteadyTime deadline);
  // No OnOutcomes runs or follows after it.
  void LetGoOfListener();
  // After the link's Stop(): the loop's thread has ended, or does so now. False: it does not for long.
  bool AwaitEnd();
  // After that.
  std::vector<Outgoing> TakeOpen();
  ConnectionState State() const;
  // On the loop's thread, after anything that may have brought outcomes.
  void TellOutcomes();

 private:
  // On the loop's thread.
  void OnUp(const Connack& connack, bool session_kept) override;
  void OnDown(uint8_t reason) override;
  bool ExpectsBreak() const override { return queue_.expects_breaks(clock_.Now()); }
  void OnPublished(uint64_t token, uint8_t reason) override;
  void OnAnswerAstray() override;
  absl::Status OnBatch() override;
  void Produce() override;
  void OnWritten() override;
  // Asks the broker for a sign of life when the queue wishes for one, not for the answer to an earlier ping.
  void Ping();
  // What was sent when a confirmation could not be told is still not confirmed: the standard allows to send it again on
  // a new connection only (MQTT-4.4.0-1).
  void SeekAstray();
  // Moves what was handed over into the queue.
  void TakeOver();

  const Clock& clock_;
  Link& link_;

  // Of the loop's thread.
  PublishQueue queue_;
  std::vector<Outgoing> taking_over_;
  std::vector<PublishQueue::Sent> sending_;
  std::vector<uint64_t> unwritten_;  // Sequences of QoS 0 in the write that is under way.
  std::vector<PublishOutcome> outcomes_;
  enum class PingState : uint8_t { kNone, kWanted, kSent } ping_ = PingState::kNone;
  size_t abandoned_ = 0;                // Of queue_, when the session began.
  Timer timer_;                         // For what the queue may give out later.
  Timer astray_timer_;                  // A confirmation went astray; for the end of its wait.
  std::vector<uint64_t> maybe_astray_;  // Sequences that it may have been for.
  bool more_astray_ = false;            // Another one since.

  // Held while the listener is called.
  Mutex listener_mutex_;
  PublishListener* listener_ ABSL_GUARDED_BY(listener_mutex_);

  Mutex mutex_;
  CondVar changed_;
  std::vector<Outgoing> handed_over_ ABSL_GUARDED_BY(mutex_);
  size_t open_ ABSL_GUARDED_BY(mutex_) = 0;  // Handed over, and their outcome not told.
};

class Egress final : public Publisher {
 public:
  explicit Egress(std::shared_ptr<EgressCore> core) : core_(std::move(core)) {}
  ~Egress() override;

  void Start() override { core_->link().Start(core_); }
  void Publish(std::vector<Outgoing> batch) override { core_->Publish(std::move(batch)); }
  void DropExpired() override { core_->DropExpired(); }
  size_t Flush(SteadyTime deadline) override { return core_->Flush(deadline); }
  void Stop(SteadyTime deadline) override;
  absl::StatusOr<std::vector<Outgoing>> TakeOpen() override;
  ConnectionState State() const override { return core_->State(); }

 private:
  const std::shared_ptr<EgressCore> core_;
};

}  // namespace sluice::wire
