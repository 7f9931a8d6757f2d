#include "server/mqtt/subscription_set.h"

#include <algorithm>
#include <utility>

#include "server/mqtt/reason_codes.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr Millis kFirstRetry{1'000};

}  // namespace

SubscriptionSet::SubscriptionSet(std::vector<Subscription> subscriptions, const MqttOptions& options,
                                 const Clock& clock, MetricsRegistry& metrics)
    : options_(options),
      clock_(clock),
      refused_gauge_(metrics.GetGauge("sluice_mqtt_subscriptions_refused", "Subscriptions that the broker refuses.",
                                      {{"connection", options.name}})) {
  for (Subscription& subscription : subscriptions) {
    items_.push_back(Item{.subscription = std::move(subscription),
                          .backoff = Backoff(kFirstRetry, options.max_reconnect_interval, RandomSeed())});
  }
}

void SubscriptionSet::OnUp(bool session_present) {
  const bool keep = session_present && subscribed_before_;
  unresponsive_ = false;
  for (Item& item : items_) {
    const bool left = item.state == State::kLeaving || item.state == State::kLeft;
    if (left || (keep && item.state == State::kGranted)) continue;
    item.state = State::kWanted;
    item.due = clock_.Now();
  }
  subscribed_before_ = true;
}

void SubscriptionSet::OnDown() {
  for (Item& item : items_) {
    if (item.state == State::kAsked) item.state = State::kWanted;
    if (item.state == State::kLeaving) item.state = State::kLeft;
  }
}

SteadyTime SubscriptionSet::TakeDue(std::vector<size_t>& due) {
  SteadyTime next = kNever;
  for (size_t i = 0; i < items_.size(); ++i) {
    Item& item = items_[i];
    const bool now = clock_.Now() >= item.due;
    if (item.state == State::kAsked && now) unresponsive_ = true;
    if ((item.state == State::kWanted || item.state == State::kRefused) && now) {
      item.state = State::kAsked;
      item.due = clock_.Now() + options_.connect_timeout;
      due.push_back(i);
    }
    if (item.state <= State::kAsked || item.state == State::kRefused) next = std::min(next, item.due);
  }
  return next;
}

void SubscriptionSet::Answered(size_t index, uint8_t code) {
  Item& item = items_[index];
  if (item.state != State::kAsked) return;
  if (code >= reason::kUnspecifiedError) {
    Refused(item, code);
  } else {
    item.state = State::kGranted;
    item.backoff.Reset();
    const bool lower = code < static_cast<uint8_t>(item.subscription.qos);
    log::Write(
        lower ? log::Level::kWarning : log::Level::kInfo,
        lower ? "mqtt subscription granted at a lower QoS than asked for" : "mqtt subscribed",
        {{"connection", options_.name}, {"filter", item.subscription.filter}, {"qos", static_cast<int64_t>(code)}});
  }
  refused_gauge_.Set(std::ranges::count(items_, State::kRefused, &Item::state));
}

void SubscriptionSet::Refused(Item& item, uint8_t code) {
  item.state = State::kRefused;
  item.code = code;
  const Millis delay = item.backoff.Next();
  item.due = clock_.Now() + delay;
  log::Error("mqtt subscription refused", {{"connection", options_.name},
                                           {"filter", item.subscription.filter},
                                           {"reason", Describe(code)},
                                           {"retry_ms", static_cast<int64_t>(delay.count())}});
}

void SubscriptionSet::Failed(size_t index) {
  Item& item = items_[index];
  if (item.state != State::kAsked) return;
  item.state = State::kWanted;
  item.due = clock_.Now() + kFirstRetry;
}

void SubscriptionSet::LeaveShared(std::vector<size_t>& leave) {
  if (std::exchange(leave_shared_, true)) return;
  for (size_t i = 0; i < items_.size(); ++i) {
    if (!items_[i].subscription.shared()) continue;
    items_[i].state = State::kLeaving;
    leave.push_back(i);
  }
}

void SubscriptionSet::Left(size_t index) {
  if (items_[index].state == State::kLeaving) items_[index].state = State::kLeft;
}

bool SubscriptionSet::left_shared() const {
  return leave_shared_ && std::ranges::none_of(items_, [](const Item& item) { return item.state == State::kLeaving; });
}

std::string SubscriptionSet::Detail() const {
  for (const Item& item : items_) {
    if (item.state != State::kRefused) continue;
    return "subscription '" + item.subscription.filter + "' refused: " + Describe(item.code);
  }
  for (const Item& item : items_) {
    if (item.state == State::kLeaving || item.state == State::kLeft) return "shared subscriptions left";
    if (item.state != State::kGranted) return "subscribing to '" + item.subscription.filter + "'";
  }
  return "";
}

std::string SubscriptionSet::Describe(uint8_t code) const {
  // MQTT 3.1.1 has one number for every failure (§3.9.3).
  if (!options_.mqtt5) return "0x80 failure: check the broker's permissions for this user";
  return DescribeReason(code);
}

}  // namespace sluice
