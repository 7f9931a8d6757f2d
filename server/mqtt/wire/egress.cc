#include "server/mqtt/wire/egress.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "server/telemetry/log.h"

namespace sluice::wire {
namespace {

// What may be sent and not confirmed, and at most lies in the connection's output.
constexpr size_t kWindowBytes = 4u << 20;
// Of 65,535 packet ids: when so many are taken by messages that were given up, the next connection begins a new
// session.
constexpr size_t kMostAbandoned = 1'000;
// For an owner that did not call Stop().
constexpr Millis kStopInDestructor{5'000};
// Until resolvers give up, mostly.
constexpr Millis kLongestLookUp{30'000};

BrokerLimits LimitsOf(const Connack& connack) {
  return {.receive_maximum = connack.receive_maximum,
          .maximum_qos = connack.maximum_qos,
          .retain_available = connack.retain_available,
          .maximum_packet_bytes = connack.maximum_packet_bytes ? *connack.maximum_packet_bytes : UINT64_MAX};
}

}  // namespace

EgressCore::EgressCore(Link& link, PublishListener& listener, const Clock& clock)
    : clock_(clock),
      link_(link),
      queue_(link_.options().publish_window, kWindowBytes, link_.options().mqtt5),
      timer_(link_.loop()),
      astray_timer_(link_.loop()),
      listener_(&listener) {}

// ------------------------------------------------------------------------------------------------ from other threads

void EgressCore::Publish(std::vector<Outgoing> batch) {
  if (batch.empty()) return;
  bool first = false;
  {
    MutexLock lock(mutex_);
    first = handed_over_.empty();
    open_ += batch.size();
    if (first) {
      handed_over_ = std::move(batch);
    } else {
      handed_over_.insert(handed_over_.end(), std::make_move_iterator(batch.begin()),
                          std::make_move_iterator(batch.end()));
    }
  }
  if (!first) return;  // The loop is about to come for it.
  link_.Post([this] {
    if (link_.up()) {
      link_.Flush();
    } else {
      TakeOver();  // What does not wait for a connection fails.
      TellOutcomes();
    }
  });
}

void EgressCore::DropExpired() {
  link_.Post([this] {
    TakeOver();
    queue_.DropExpired(clock_.Now(), outcomes_);
    TellOutcomes();
  });
}

size_t EgressCore::Flush(SteadyTime deadline) {
  MutexLock lock(mutex_);
  while (open_ > 0 && clock_.Now() < deadline) changed_.WaitUntil(mutex_, deadline);
  return open_;
}

void EgressCore::LetGoOfListener() {
  MutexLock lock(listener_mutex_);
  listener_ = nullptr;
}

bool EgressCore::AwaitEnd() { return link_.AwaitEnd(clock_.Now() + kLongestLookUp); }

std::vector<Outgoing> EgressCore::TakeOpen() {
  std::vector<Outgoing> open = queue_.TakeOpen();
  MutexLock lock(mutex_);
  std::ranges::move(handed_over_, std::back_inserter(open));
  handed_over_.clear();
  open_ = 0;
  return open;
}

ConnectionState EgressCore::State() const {
  ConnectionState state;
  state.name = link_.options().name + " (replies)";
  state.detail = link_.detail();
  state.ready = link_.up() && state.detail.empty();
  state.ShowServer(link_.server());
  return state;
}

// ------------------------------------------------------------------------------------------------ on the loop's thread

void EgressCore::OnUp(const Connack& connack, bool /*session_kept*/) {
  queue_.Connected(LimitsOf(connack), clock_.Now());
  TakeOver();
}

void EgressCore::OnDown(uint8_t reason) {
  TakeOver();
  unwritten_.clear();
  ping_ = PingState::kNone;
  timer_.Cancel();
  astray_timer_.Cancel();
  maybe_astray_.clear();
  more_astray_ = false;
  queue_.Disconnected(reason, clock_.Now(), outcomes_);
  if (const std::string news = queue_.TakeNews(); !news.empty()) {
    log::Warning("mqtt broker disconnects over replies that it does not take; others like them are refused from now on",
                 {{"connection", link_.options().name}, {"why", news}});
  }
  if (queue_.abandoned() - abandoned_ > kMostAbandoned) {
    abandoned_ = queue_.abandoned();
    link_.client().options().clean_start = true;
  }
  TellOutcomes();
}

void EgressCore::OnAnswerAstray() {
  more_astray_ = true;
  if (!maybe_astray_.empty()) return;
  SeekAstray();
}

void EgressCore::SeekAstray() {
  const std::vector<uint64_t> unconfirmed = queue_.Unconfirmed();
  const bool lost = std::ranges::any_of(maybe_astray_, [&unconfirmed](uint64_t sequence) {
    return std::ranges::find(unconfirmed, sequence) != unconfirmed.end();
  });
  if (lost) {
    return link_.Drop("an acknowledgement could not be read; what is not confirmed is published again");
  }
  maybe_astray_.clear();
  if (!std::exchange(more_astray_, false) || unconfirmed.empty()) return;
  maybe_astray_ = unconfirmed;
  astray_timer_.Set(clock_.Now() + link_.options().connect_timeout, [this] { SeekAstray(); });
}

void EgressCore::TakeOver() {
  {
    MutexLock lock(mutex_);
    taking_over_.swap(handed_over_);
  }
  if (!taking_over_.empty()) queue_.Add(std::exchange(taking_over_, {}), outcomes_);
}

void EgressCore::Produce() {
  TakeOver();
  sending_.clear();
  const SteadyTime now = clock_.Now();
  if (ping_ == PingState::kSent && !link_.client().ping_outstanding()) {
    ping_ = PingState::kNone;
    queue_.Pong();
    // What the connection may break over from here on is the message that is tried next.
    link_.Proven();
  }
  queue_.Take(now, sending_, outcomes_);
  for (const PublishQueue::Sent& sent : sending_) {
    if (!link_.client().Publish(sent.sequence, *sent.message, sent.expiry_s)) {
      queue_.Return(sent.sequence);
    } else if (sent.message->qos == Qos::kAtMostOnce) {
      unwritten_.push_back(sent.sequence);
    }
  }
  if (queue_.suspects() > 0) {
    Ping();
    const SteadyTime due = queue_.due(now);
    due == kNever ? timer_.Cancel() : timer_.Set(due, [this] { link_.Flush(); });
  }
  TellOutcomes();
}

void EgressCore::Ping() {
  if (queue_.TakePingWish()) ping_ = PingState::kWanted;
  if (ping_ != PingState::kWanted || link_.client().ping_outstanding()) return;
  link_.client().Ping();
  ping_ = PingState::kSent;
}

void EgressCore::OnWritten() {
  for (uint64_t sequence : unwritten_) queue_.Written(sequence, outcomes_);
  unwritten_.clear();
  TellOutcomes();
}

void EgressCore::OnPublished(uint64_t token, uint8_t reason) {
  queue_.Settle(token, reason == 0 ? PublishOutcome::Code::kOk : PublishOutcome::Code::kRefused, reason, outcomes_);
}

absl::Status EgressCore::OnBatch() {
  // Nothing was subscribed to; what a broker sends all the same is not to pile up.
  link_.client().AcceptAll();
  link_.client().AcknowledgeAccepted();
  TellOutcomes();
  return absl::OkStatus();
}

void EgressCore::TellOutcomes() {
  if (outcomes_.empty()) return;
  {
    MutexLock lock(listener_mutex_);
    if (listener_ != nullptr) listener_->OnOutcomes(outcomes_);
  }
  MutexLock lock(mutex_);
  open_ -= outcomes_.size();
  outcomes_.clear();
  changed_.NotifyAll();
}

Egress::~Egress() { Stop(std::chrono::steady_clock::now() + kStopInDestructor); }

void Egress::Stop(SteadyTime deadline) {
  core_->link().Stop(deadline);
  core_->LetGoOfListener();
}

absl::StatusOr<std::vector<Outgoing>> Egress::TakeOpen() {
  if (!core_->AwaitEnd()) {
    return absl::UnavailableError("its thread is still busy, most likely with looking a name up");
  }
  return core_->TakeOpen();
}

}  // namespace sluice::wire
