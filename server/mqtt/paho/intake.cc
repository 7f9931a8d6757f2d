#include "server/mqtt/paho/intake.h"

#include <utility>

#include "server/mqtt/paho/inbound.h"

namespace sluice::paho {
namespace {

// For an owner that did not call Stop().
constexpr Millis kStopInDestructor{5'000};

}  // namespace

IntakeCore::IntakeCore(MqttOptions options, std::vector<Subscription> subscriptions, InboundSink& sink,
                       const Clock& clock, MetricsRegistry& metrics)
    : clock_(clock),
      invalid_messages_(metrics.GetCounter("sluice_mqtt_invalid_messages_total",
                                           "Messages dropped at intake because their topic is not a topic name.",
                                           {{"connection", options.name}})),
      link_(std::move(options), *this, clock, metrics),
      subscriptions_(std::move(subscriptions), link_.options(), clock, metrics),
      sink_(&sink) {}

void IntakeCore::OnMessage(const mqtt::const_message_ptr& message) {
  absl::StatusOr<InboundMessage> inbound = FromPaho(message, clock_);
  if (!inbound.ok()) {
    invalid_messages_.Add();
    return;
  }
  MutexLock lock(sink_mutex_);
  if (sink_ == nullptr) {
    // Only after a Stop() that could not wait for the disconnection: to return would acknowledge.
    if (message->get_qos() == 0) return;
    EndProcess(link_.options().name, "a message came after the connection was given up");
  }
  absl::Status taken = sink_->OnMessages({&*inbound, 1});
  if (!taken.ok()) EndProcess(link_.options().name, taken.ToString());
}

void IntakeCore::OnUp(Client& /*client*/, const ConnectResult& result) {
  identifiers_ = result.subscription_identifiers;
  subscriptions_.OnUp(result.session_present);
  MutexLock lock(mutex_);
  subscriptions_detail_ = subscriptions_.Detail();
}

void IntakeCore::OnDown() {
  asked_.clear();
  leaving_.clear();
  subscriptions_.OnDown();
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

SteadyTime IntakeCore::OnControl(Client* client) {
  if (client == nullptr) return kNever;
  bool leave = false;
  {
    MutexLock lock(mutex_);
    leave = leave_shared_;
  }
  if (leave) LeaveShared(*client);
  ReadAnswers();
  indexes_.clear();
  const SteadyTime next = subscriptions_.TakeDue(indexes_);
  Ask(*client);
  if (subscriptions_.unresponsive()) link_.Drop("the broker does not answer to SUBSCRIBE");
  MutexLock lock(mutex_);
  subscriptions_detail_ = subscriptions_.Detail();
  if (leave && subscriptions_.left_shared()) {
    left_shared_ = true;
    changed_.NotifyAll();
  }
  return next;
}

void IntakeCore::Ask(Client& client) {
  for (size_t index : indexes_) {
    // Retained messages were sent when the broker first granted it; a second SUBSCRIBE of this process or an older one
    // is not to bring them again (MQTT 5.0 §3.8.3.1, Retain Handling 1).
    mqtt::token_ptr token = client.Subscribe(subscriptions_.at(index), identifiers_,
                                             /*retained_on_new_only=*/!link_.options().clean_session);
    if (token) {
      asked_.push_back({index, std::move(token)});
    } else {
      subscriptions_.Failed(index);
    }
  }
}

void IntakeCore::LeaveShared(Client& client) {
  indexes_.clear();
  subscriptions_.LeaveShared(indexes_);
  for (size_t index : indexes_) leaving_.push_back({index, client.Unsubscribe(subscriptions_.at(index).filter)});
}

void IntakeCore::ReadAnswers() {
  using State = RequestResult::State;
  std::erase_if(asked_, [this](const Request& request) {
    const RequestResult result = Client::ResultOf(request.token);
    if (result.state == State::kPending) return false;
    if (result.state == State::kFailed) {
      subscriptions_.Failed(request.index);
    } else {
      subscriptions_.Answered(request.index, result.code);
    }
    return true;
  });
  std::erase_if(leaving_, [this](const Request& request) {
    if (Client::ResultOf(request.token).state == State::kPending) return false;
    subscriptions_.Left(request.index);
    return true;
  });
}

bool IntakeCore::UnsubscribeShared(SteadyTime deadline) {
  {
    MutexLock lock(mutex_);
    leave_shared_ = true;
  }
  link_.Wake();
  MutexLock lock(mutex_);
  while (!left_shared_ && link_.up() && clock_.Now() < deadline) changed_.WaitUntil(mutex_, deadline);
  return left_shared_;
}

void IntakeCore::LetGoOfSink() {
  MutexLock lock(sink_mutex_);
  sink_ = nullptr;
}

ConnectionState IntakeCore::State() const {
  ConnectionState state;
  state.name = link_.options().name;
  state.detail = link_.detail();
  if (!link_.up() || !state.detail.empty()) return state;
  MutexLock lock(mutex_);
  state.detail = subscriptions_detail_;
  state.ready = state.detail.empty();
  return state;
}

Intake::~Intake() { Stop(std::chrono::steady_clock::now() + kStopInDestructor); }

void Intake::Stop(SteadyTime deadline) {
  core_->link().Stop(deadline);
  core_->LetGoOfSink();
}

}  // namespace sluice::paho
