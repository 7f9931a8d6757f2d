#include "server/mqtt/wire/intake.h"

#include <algorithm>
#include <utility>

#include "server/mqtt/reason_codes.h"
#include "server/mqtt/wire/inbound.h"
#include "server/telemetry/log.h"

namespace sluice::wire {
namespace {

// Of Receive Maximum, what a resting intake takes in before it takes no more: mosquitto 2.0 may send twice that.
constexpr size_t kWindowsWhileResting = 2;

// Before the sink is offered again what it did not take.
constexpr Millis kOfferAgain{200};

bool HasWildcard(std::string_view filter) { return filter.find_first_of("+#") != std::string_view::npos; }

// What a broker without these abilities would answer; some close the connection instead (MQTT 5.0 §3.2.2.3.11, .13).
uint8_t RefusedBeforehand(const Connack& connack, const Subscription& subscription) {
  if (subscription.shared() && !connack.shared_available) return reason::kSharedSubscriptionsNotSupported;
  if (HasWildcard(subscription.filter) && !connack.wildcard_available)
    return reason::kWildcardSubscriptionsNotSupported;
  return 0;
}

absl::Status GivenUp() { return absl::UnavailableError("the connection was given up"); }

// Takes the entry of `packet_id` out; its index, or npos.
size_t TakeIndex(std::vector<std::pair<uint16_t, size_t>>& requests, uint16_t packet_id) {
  auto it = std::ranges::find(requests, packet_id, &std::pair<uint16_t, size_t>::first);
  if (it == requests.end()) return std::string::npos;
  const size_t index = it->second;
  requests.erase(it);
  return index;
}

}  // namespace

IntakeCore::IntakeCore(Link& link, bool shares_link, std::vector<Subscription> subscriptions, InboundSink& sink,
                       const Clock& clock, MetricsRegistry& metrics)
    : clock_(clock),
      link_(link),
      shares_link_(shares_link),
      unwanted_retained_(UnwantedRetained(metrics, link.options())),
      retained_(subscriptions, link.options().mqtt5),
      subscriptions_(std::move(subscriptions), link_.options(), clock, metrics),
      sink_(sink.AtMostOnce() == nullptr ? &sink : sink.AtMostOnce()) {
  link_.client().Remember(sink.UnreleasedPackets());
  if (sink.AtMostOnce() == nullptr) return;
  link_.client().WithholdCompletions();
  taker_ = std::make_unique<Taker>(sink, [this] { link_.Post([this] { OnNews(); }); });
}

// ------------------------------------------------------------------------------------------------ messages

void IntakeCore::OnPublish(const Publish& publish, const std::shared_ptr<const void>& storage) {
  if (publish.retain && retained_.Drops(publish.topic, publish.dup)) return unwanted_retained_.Add();
  if (batch_.empty()) arrival_ = {.steady = clock_.Now(), .unix_ms = clock_.UnixMillis()};
  batch_.push_back(ToInbound(publish, storage, arrival_));
}

void IntakeCore::OnBadPublish(const BadPacket& packet) {
  // One that cannot be acknowledged comes again with each connection: it is handed on once.
  if (packet.seen_before) return;
  if (batch_.empty()) arrival_ = {.steady = clock_.Now(), .unix_ms = clock_.UnixMillis()};
  batch_.push_back(ToInbound(packet, arrival_));
}

absl::Status IntakeCore::OnBatch() {
  if (taker_ != nullptr) return HandOver();
  // First: a packet id that was released may already name one of the batch's messages.
  if (absl::Status told = TellReleased(); !told.ok()) return told;
  if (shares_link_ && offer_again_ > clock_.Now() && offer_again_ != kNever) return absl::OkStatus();
  if (absl::Status offered = Offer(); !offered.ok()) return offered;
  if (withholding_ && shares_link_ &&
      link_.client().unacknowledged() > kWindowsWhileResting * link_.options().receive_maximum) {
    PassOver();
  }
  return absl::OkStatus();
}

void IntakeCore::PassOver() {
  passing_over_ = true;
  link_.client().PassOver();
}

bool IntakeCore::CatchUp() {
  if (!passing_over_ || stopped_ || withholding_ || refused_ || !pending_.empty()) return false;
  link_.Flush();
  link_.Drop("more came than the window while intake rested: connects anew, so that the broker sends it again");
  return true;
}

absl::Status IntakeCore::TellReleased() {
  if (!session_lost_ && released_.empty()) return absl::OkStatus();
  MutexLock lock(sink_mutex_);
  if (sink_ == nullptr && shares_link_) {
    // That a packet is released stays unknown to the next start, which takes it for one that may be: see Remember().
    released_.clear();
    return absl::OkStatus();
  }
  if (sink_ == nullptr) return GivenUp();
  if (session_lost_) {
    const absl::Status status = session_foreign_ ? sink_->OnSessionForeign() : sink_->OnSessionLost();
    if (!status.ok()) return status;
    session_lost_ = false;
  }
  const absl::Status status = released_.empty() ? absl::OkStatus() : sink_->OnReleased(released_);
  released_.clear();
  return status;
}

absl::Status IntakeCore::Offer() {
  if (!batch_.empty()) {
    MutexLock lock(sink_mutex_);
    if (sink_ == nullptr && shares_link_) {
      batch_.clear();
      return absl::OkStatus();
    }
    if (sink_ == nullptr) return GivenUp();
    const absl::Status taken = sink_->OnMessages(batch_);
    if (!taken.ok()) {
      Refuse(std::string(taken.message()));
      offer_again_ = clock_.Now() + kOfferAgain;
      link_.WakeAt(offer_again_);
      return absl::OkStatus();
    }
    batch_.clear();
    const std::vector<std::string> remainders = sink_->TakeRemainders();
    for (const std::string& filter : remainders) subscriptions_.AddRemainder(filter);
    if (!remainders.empty()) link_.WakeAt(clock_.Now());
  }
  if (refused_) TakenAgain();
  link_.client().AcceptAll();
  if (!withholding_) link_.client().AcknowledgeAccepted();
  return absl::OkStatus();
}

void IntakeCore::Refuse(const std::string& why) {
  if (!std::exchange(refused_, true)) {
    log::Error("messages cannot be taken in; they are not acknowledged, and it is tried again",
               {{"connection", link_.options().name}, {"reason", why}});
  }
  // What comes meanwhile is not to pile up here, and answers to replies are behind it.
  if (shares_link_) PassOver();
  MutexLock lock(mutex_);
  refusal_ = why;
}

void IntakeCore::TakenAgain() {
  refused_ = false;
  offer_again_ = kNever;
  log::Info("messages are taken in again", {{"connection", link_.options().name}});
  MutexLock lock(mutex_);
  refusal_.clear();
}

void IntakeCore::OnTime() {
  if (offer_again_ <= clock_.Now()) {
    if (absl::Status status = Offer(); !status.ok()) return link_.Drop(std::string(status.message()));
    link_.Flush();
    link_.ReadOn();
  }
  Advance();
}

bool IntakeCore::MayRead() const {
  if (Overfull()) return false;
  if (shares_link_) return true;
  if (refused_ || stopped_) return false;
  // A broker that holds to the Receive Maximum sends no more than that, so reading goes on: answers, pings and QoS 0
  // still come. MQTT 3.1.1 has none, and mosquitto 2.0 sends a window more for each acknowledgement: what is past it
  // stays in the socket.
  return !withholding_ || link_.client().unacknowledged() <= link_.options().receive_maximum;
}

void IntakeCore::Pause(std::string reason) {
  {
    MutexLock lock(mutex_);
    pause_reason_ = std::move(reason);
  }
  link_.Post([this] { withholding_ = true; });
}

void IntakeCore::Resume() {
  {
    MutexLock lock(mutex_);
    pause_reason_.clear();
  }
  link_.Post([this] {
    withholding_ = false;
    if (offer_again_ == kNever) link_.client().AcknowledgeAccepted();  // What waits to be offered is not accepted.
    if (CatchUp()) return;
    link_.Flush();
    link_.ReadOn();
  });
}

void IntakeCore::Stop(SteadyTime deadline) {
  if (taker_ != nullptr) FinishTaking(deadline);
  if (shares_link_) {
    link_.Post([this] {
      stopped_ = true;
      PassOver();
      batch_.clear();
      refused_ = false;
      offer_again_ = kNever;
      link_.WakeAt(kNever);
    });
    MutexLock lock(mutex_);
    stop_shown_ = true;
  } else {
    link_.Stop(deadline);
  }
  LetGoOfSink();
  if (taker_ != nullptr) taker_->Stop();
}

void IntakeCore::LetGoOfSink() {
  MutexLock lock(sink_mutex_);
  sink_ = nullptr;
}

// ------------------------------------------------------------------------------------------------ subscriptions

void IntakeCore::OnUp(const Connack& connack, bool session_kept) {
  session_lost_ = !connack.session_present;
  session_foreign_ = session_lost_ && link_.client().connack().session_present;
  retained_.OnUp(connack.session_present);
  // What an earlier configuration asked for may be in a session of whatever server.
  subscriptions_.OnUp(session_kept, connack.session_present || session_foreign_);
  if (stopped_) return PassOver();
  Advance();
}

void IntakeCore::OnDown(uint8_t /*reason*/) {
  // The broker sends them again.
  batch_.clear();
  passing_over_ = false;
  released_.clear();
  if (taker_ != nullptr) AbandonPending();
  if (refused_) TakenAgain();
  asked_.clear();
  leaving_.clear();
  subscriptions_.OnDown();
  news_.Lost(subscriptions_);
}

void IntakeCore::Advance() {
  if (stopped_ || CatchUp()) return;
  subscribes_later_ = SessionUntold();
  if (subscribes_later_) return news_.Tell(subscriptions_);
  if (!MayRead()) subscriptions_.CannotHear();
  asking_.clear();
  leaving_now_.clear();
  const SteadyTime next = subscriptions_.TakeDue(asking_, leaving_now_);
  ForgetUnheard();
  for (size_t index : asking_) Subscribe(index);
  for (size_t index : leaving_now_) Unsubscribe(index);
  news_.Tell(subscriptions_);
  link_.WakeAt(std::min(next, offer_again_));
  link_.Flush();
  if (subscriptions_.unresponsive()) link_.Drop("the broker does not answer to SUBSCRIBE or UNSUBSCRIBE");
}

void IntakeCore::ForgetUnheard() {
  const auto unheard = [this](const std::pair<uint16_t, size_t>& request) {
    if (subscriptions_.Pending(request.second)) return false;
    link_.client().Forget(request.first);
    return true;
  };
  std::erase_if(asked_, unheard);
  std::erase_if(leaving_, unheard);
}

void IntakeCore::OnAnswerAstray() { subscriptions_.AnswerAstray(); }

void IntakeCore::Subscribe(size_t index) {
  const Subscription& subscription = subscriptions_.at(index);
  const Connack& connack = link_.client().connack();
  if (uint8_t reason = RefusedBeforehand(connack, subscription)) return subscriptions_.Answered(index, reason);
  const SubscribeRequest request{
      .filter = subscription.filter,
      .qos = subscription.qos,
      .id = connack.subscription_ids_available ? subscription.id : 0,
      .retain_handling = RetainHandling(subscription, link_.options(), subscriptions_.HadRetained(index))};
  retained_.Asked(index);
  const uint16_t packet_id = link_.client().Subscribe({&request, 1});
  if (packet_id == 0) return subscriptions_.Failed(index);
  asked_.emplace_back(packet_id, index);
}

void IntakeCore::Unsubscribe(size_t index) {
  const std::string_view filter = subscriptions_.at(index).filter;
  const uint16_t packet_id = link_.client().Unsubscribe({&filter, 1});
  if (packet_id == 0) return subscriptions_.Failed(index);
  leaving_.emplace_back(packet_id, index);
}

void IntakeCore::OnSuback(uint16_t packet_id, uint8_t code) {
  const size_t index = TakeIndex(asked_, packet_id);
  if (index == std::string::npos) return;
  subscriptions_.Answered(index, code);
  const bool granted = code < reason::kUnspecifiedError;
  // An answer that cannot be understood is most likely that of a broker that holds it now.
  retained_.Answered(index, granted || code == reason::kMalformedPacket);
  if (granted) TellSink(subscriptions_.at(index).filter, /*granted=*/true);
  // For the retry of a refusal, and for the detail, once all of the answers are there.
  if (asked_.empty() || code >= reason::kUnspecifiedError) link_.WakeAt(clock_.Now());
}

void IntakeCore::TellSink(const std::string& filter, bool granted) {
  if (taker_ != nullptr) {
    filters_.emplace_back(filter, granted);
    return;
  }
  MutexLock lock(sink_mutex_);
  if (sink_ == nullptr) return;
  granted ? sink_->OnGranted(filter) : sink_->OnRemainderLeft(filter);
}

void IntakeCore::StayOut(std::vector<size_t> shared_subscriptions) {
  link_.Post([this, out = std::move(shared_subscriptions)] {
    subscriptions_.StayOut(out);
    link_.up() ? Advance() : news_.Tell(subscriptions_);
  });
}

void IntakeCore::Resubscribe(std::vector<Subscription> subscriptions) {
  news_.Expect();
  link_.Post([this, wanted = std::move(subscriptions)] {
    subscriptions_.Replace(wanted);
    if (link_.up()) Advance();
    news_.Tell(subscriptions_);
    news_.TakenUp();
  });
}

bool IntakeCore::UnsubscribeShared(SteadyTime deadline) {
  link_.Post([this] {
    subscriptions_.LeaveShared();
    link_.up() ? Advance() : news_.Tell(subscriptions_);
  });
  return news_.WaitUntilLeft(clock_, deadline, [this] { return link_.up(); });
}

void IntakeCore::OnUnsuback(uint16_t packet_id, uint8_t code) {
  const size_t index = TakeIndex(leaving_, packet_id);
  if (index == std::string::npos) return;
  if (subscriptions_.Left(index, code)) TellSink(subscriptions_.at(index).filter, /*granted=*/false);
  retained_.Left(index);
  if (!leaving_.empty() && code < reason::kUnspecifiedError) return;
  news_.Tell(subscriptions_);
  // It may be wanted again by now.
  link_.WakeAt(clock_.Now());
}

// ------------------------------------------------------------------------------------------------ state

ConnectionState IntakeCore::State() const {
  ConnectionState state;
  state.name = link_.options().name;
  state.detail = link_.detail();
  MutexLock lock(mutex_);
  if (!pause_reason_.empty()) state.detail = "paused: " + pause_reason_;
  if (!refusal_.empty()) state.detail = "messages cannot be taken in: " + refusal_;
  if (stop_shown_) state.detail = "stopped";
  if (!link_.up() || !state.detail.empty()) return state;
  news_.Show(state);
  state.ShowServer(link_.server());
  return state;
}

}  // namespace sluice::wire
