#include "server/mqtt/paho/intake.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/mqtt/paho/inbound.h"
#include "server/telemetry/log.h"

namespace sluice::paho {
namespace {

Counter& BadPackets(MetricsRegistry& metrics, const std::string& connection, const char* reason) {
  return metrics.GetCounter("sluice_mqtt_malformed_packets_total",
                            "Packets of a broker that were wrong inside and passed over.",
                            {{"connection", connection}, {"role", "intake"}, {"reason", reason}});
}

}  // namespace

IntakeCore::IntakeCore(MqttOptions options, std::vector<Subscription> subscriptions, InboundSink& sink,
                       const Clock& clock, MetricsRegistry& metrics)
    : clock_(clock),
      log_limit_(clock),
      bad_topics_(BadPackets(metrics, options.name, "topic")),
      bad_properties_(BadPackets(metrics, options.name, "property_value")),
      link_(std::move(options), *this, clock, metrics),
      unwanted_retained_(UnwantedRetained(metrics, link_.options())),
      retained_(subscriptions, link_.options().mqtt5),
      subscriptions_(std::move(subscriptions), link_.options(), clock, metrics),
      sink_(&sink) {}

void IntakeCore::OnMessage(const mqtt::const_message_ptr& message) {
  if (message->is_retained()) {
    MutexLock lock(retained_mutex_);
    if (retained_.Drops(message->get_topic(), message->is_duplicate())) return unwanted_retained_.Add();
  }
  InboundMessage inbound = FromPaho(message, clock_);
  if (!inbound.undeliverable.empty()) PassedOver(inbound);
  MutexLock lock(sink_mutex_);
  if (sink_ == nullptr) {
    // Only after a Stop() that could not wait for the disconnection: to return would acknowledge.
    if (message->get_qos() == 0) return;
    EndProcess(link_.options().name, "a message came after the connection was given up");
  }
  absl::Status taken = sink_->OnMessages({&inbound, 1});
  if (!taken.ok()) EndProcess(link_.options().name, taken.ToString());
  std::vector<std::string> remainders = sink_->TakeRemainders();
  if (remainders.empty()) return;
  {
    MutexLock wishes(mutex_);
    std::ranges::move(remainders, std::back_inserter(remainders_));
  }
  link_.Wake();
}

void IntakeCore::PassedOver(const InboundMessage& inbound) {
  (inbound.message->topic.empty() ? bad_topics_ : bad_properties_).Add();
  if (!log_limit_.Admit("mqtt packet passed over", "")) return;
  log::Warning("mqtt packet passed over: it is malformed", {{"connection", link_.options().name},
                                                            {"role", "intake"},
                                                            {"packet", "PUBLISH"},
                                                            {"reason", inbound.undeliverable},
                                                            {"qos", static_cast<int64_t>(inbound.message->qos)},
                                                            {"bytes", inbound.message->bytes()}});
}

void IntakeCore::OnUp(Client& /*client*/, const ConnectResult& result) {
  identifiers_ = result.subscription_identifiers;
  {
    MutexLock lock(retained_mutex_);
    retained_.OnUp(result.session_present);
  }
  if (!result.session_present) {
    MutexLock lock(sink_mutex_);
    // No packet ids are remembered for this driver, so nothing can fail.
    if (sink_ != nullptr) (void)sink_->OnSessionLost();
  }
  subscriptions_.OnUp(result.session_present);
  news_.Tell(subscriptions_);
}

void IntakeCore::OnDown() {
  asked_.clear();
  leaving_.clear();
  subscriptions_.OnDown();
  news_.Lost(subscriptions_);
}

SteadyTime IntakeCore::OnControl(Client* client) {
  const bool others = ReadWishes();
  if (client == nullptr) {
    news_.Tell(subscriptions_);
    if (others) news_.TakenUp();
    return kNever;
  }
  ReadAnswers();
  asking_.clear();
  leaving_now_.clear();
  const SteadyTime next = subscriptions_.TakeDue(asking_, leaving_now_);
  for (size_t index : asking_) Ask(*client, index);
  for (size_t index : leaving_now_) Leave(*client, index);
  if (subscriptions_.unresponsive()) link_.Drop("the broker does not answer to SUBSCRIBE or UNSUBSCRIBE");
  news_.Tell(subscriptions_);
  if (others) news_.TakenUp();
  return next;
}

bool IntakeCore::ReadWishes() {
  bool leave = false;
  std::optional<std::vector<size_t>> stay_out;
  std::optional<std::vector<Subscription>> resubscribe;
  std::vector<std::string> remainders;
  {
    MutexLock lock(mutex_);
    leave = leave_shared_;
    stay_out.swap(stay_out_);
    resubscribe.swap(resubscribe_);
    remainders.swap(remainders_);
  }
  for (const std::string& filter : remainders) subscriptions_.AddRemainder(filter);
  const bool others = resubscribe.has_value();
  if (others) subscriptions_.Replace(*std::move(resubscribe));
  if (leave) subscriptions_.LeaveShared();
  if (stay_out) subscriptions_.StayOut(*stay_out);
  return others;
}

void IntakeCore::Ask(Client& client, size_t index) {
  {
    MutexLock lock(retained_mutex_);
    retained_.Asked(index);
  }
  const Subscription& subscription = subscriptions_.at(index);
  const uint8_t retained = RetainHandling(subscription, link_.options(), subscriptions_.HadRetained(index));
  mqtt::token_ptr token = client.Subscribe(subscription, identifiers_, retained);
  if (!token) return subscriptions_.Failed(index);
  asked_.push_back({index, std::move(token)});
}

void IntakeCore::Leave(Client& client, size_t index) {
  mqtt::token_ptr token = client.Unsubscribe(subscriptions_.at(index).filter);
  if (!token) return subscriptions_.Failed(index);
  leaving_.push_back({index, std::move(token)});
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
      const bool granted = result.state == State::kGranted;
      {
        MutexLock lock(retained_mutex_);
        retained_.Answered(request.index, granted);
      }
      MutexLock lock(sink_mutex_);
      if (granted && sink_ != nullptr) sink_->OnGranted(subscriptions_.at(request.index).filter);
    }
    return true;
  });
  std::erase_if(leaving_, [this](const Request& request) {
    const RequestResult result = Client::ResultOf(request.token);
    if (result.state == State::kPending) return false;
    if (result.state == State::kFailed) {
      subscriptions_.Failed(request.index);
    } else {
      const bool remainder_left = subscriptions_.Left(request.index, result.code);
      {
        MutexLock lock(retained_mutex_);
        retained_.Left(request.index);
      }
      if (remainder_left) {
        MutexLock lock(sink_mutex_);
        if (sink_ != nullptr) sink_->OnRemainderLeft(subscriptions_.at(request.index).filter);
      }
    }
    return true;
  });
}

void IntakeCore::StayOut(std::vector<size_t> shared_subscriptions) {
  {
    MutexLock lock(mutex_);
    stay_out_ = std::move(shared_subscriptions);
  }
  link_.Wake();
}

void IntakeCore::Resubscribe(std::vector<Subscription> subscriptions) {
  {
    MutexLock lock(mutex_);
    if (!resubscribe_) news_.Expect();
    resubscribe_ = std::move(subscriptions);
    stay_out_.reset();  // It counted in others.
  }
  link_.Wake();
}

bool IntakeCore::UnsubscribeShared(SteadyTime deadline) {
  {
    MutexLock lock(mutex_);
    leave_shared_ = true;
  }
  link_.Wake();
  return news_.WaitUntilLeft(clock_, deadline, [this] { return link_.up(); });
}

void IntakeCore::Stop(SteadyTime deadline) {
  link_.Stop(deadline);
  MutexLock lock(sink_mutex_);
  sink_ = nullptr;
}

ConnectionState IntakeCore::State() const {
  ConnectionState state;
  state.name = link_.options().name;
  state.detail = link_.detail();
  if (!link_.up() || !state.detail.empty()) return state;
  news_.Show(state);
  state.ShowServer(link_.server());
  return state;
}

}  // namespace sluice::paho
