#include "server/mqtt/paho/egress.h"

#include "server/mqtt/reason_codes.h"

namespace sluice::paho {
namespace {

// Paho copies every message that it is handed.
constexpr size_t kWindowBytes = 4u << 20;
// For an owner that did not call Stop().
constexpr Millis kStopInDestructor{5'000};

}  // namespace

EgressCore::EgressCore(MqttOptions options, PublishListener& listener, const Clock& clock, MetricsRegistry& metrics)
    : clock_(clock),
      link_(std::move(options), Role::kReplies, *this, clock, metrics),
      listener_(&listener),
      queue_(link_.options().publish_window, kWindowBytes, link_.options().mqtt5) {}

void EgressCore::Publish(std::vector<Outgoing> batch) {
  if (batch.empty()) return;
  bool wake = false;
  {
    MutexLock lock(mutex_);
    queue_.Add(std::move(batch));
    // While disconnected the control thread fails what does not wait. While the window is full the next confirmation
    // sends; and whoever is sending looks again before it stops.
    wake = !connected_ || (!sending_ && queue_.CanTake());
  }
  if (wake) link_.Wake();
}

size_t EgressCore::Flush(SteadyTime deadline) {
  MutexLock lock(mutex_);
  while ((queue_.open() > 0 || !outcomes_.empty() || telling_) && clock_.Now() < deadline) {
    changed_.WaitUntil(mutex_, deadline);
  }
  return queue_.open();
}

void EgressCore::LetGoOfListener() {
  MutexLock lock(listener_mutex_);
  listener_ = nullptr;
}

ConnectionState EgressCore::State() const {
  ConnectionState state;
  state.name = link_.options().name + " (replies)";
  state.detail = link_.detail();
  state.ready = link_.up() && state.detail.empty();
  return state;
}

void EgressCore::OnUp(Client& client, const ConnectResult& result) {
  {
    MutexLock lock(mutex_);
    connected_ = true;
    queue_.Connected(result.limits);
  }
  Send(client, /*in_callback=*/false);
}

void EgressCore::OnDown(uint8_t reason) {
  {
    MutexLock lock(mutex_);
    connected_ = false;
    queue_.Disconnected(reason, outcomes_);
  }
  TellOutcomes();
}

SteadyTime EgressCore::OnControl(Client* client) {
  if (client != nullptr) {
    Send(*client, /*in_callback=*/false);
  } else {
    OnDown(0);  // For what was handed over since.
  }
  return kNever;
}

void EgressCore::OnPublished(Client& client, uint64_t sequence, Receiver::Published outcome, uint8_t reason) {
  // Unknown: it waits in the queue for the next connection.
  if (outcome == Receiver::Published::kUnknown) return;
  bool send = false;
  {
    MutexLock lock(mutex_);
    queue_.Settle(
        sequence,
        outcome == Receiver::Published::kConfirmed ? PublishOutcome::Code::kOk : PublishOutcome::Code::kRefused, reason,
        outcomes_);
    send = !sending_ && queue_.ShouldTake();
  }
  if (send) Send(client, /*in_callback=*/true);
  TellOutcomes();
}

void EgressCore::Send(Client& client, bool in_callback) {
  {
    MutexLock lock(mutex_);
    if (sending_) return;
    sending_ = true;
  }
  bool broken = false;
  while (true) {
    {
      MutexLock lock(mutex_);
      to_send_.clear();
      if (!broken) queue_.Take(to_send_, outcomes_);
      if (to_send_.empty()) {
        sending_ = false;
        break;
      }
    }
    for (PublishQueue::Sent& sent : to_send_) {
      absl::Status handed = absl::UnavailableError("");
      if (!broken) handed = client.Publish(sent.sequence, sent.message, in_callback);
      if (handed.ok()) continue;
      MutexLock lock(mutex_);
      if (absl::IsInvalidArgument(handed)) {
        queue_.Settle(sent.sequence, PublishOutcome::Code::kRefused, reason::kTopicNameInvalid, outcomes_);
      } else {
        // The connection is going; the control thread will hear of it.
        broken = true;
        queue_.Return(sent.sequence);
      }
    }
  }
  TellOutcomes();
}

void EgressCore::TellOutcomes() {
  while (true) {
    {
      MutexLock lock(mutex_);
      if (telling_ || outcomes_.empty()) return;
      telling_ = true;
      to_tell_.clear();
      to_tell_.swap(outcomes_);
    }
    {
      MutexLock lock(listener_mutex_);
      if (listener_ != nullptr) listener_->OnOutcomes(to_tell_);
    }
    MutexLock lock(mutex_);
    telling_ = false;
    changed_.NotifyAll();
  }
}

Egress::~Egress() { Stop(std::chrono::steady_clock::now() + kStopInDestructor); }

void Egress::Stop(SteadyTime deadline) {
  core_->link().Stop(deadline);
  core_->LetGoOfListener();
}

}  // namespace sluice::paho
