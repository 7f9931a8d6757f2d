#include "server/mqtt/paho/subscription_set.h"

#include <algorithm>
#include <utility>

#include "server/mqtt/reason_codes.h"
#include "server/telemetry/log.h"

namespace sluice::paho {
namespace {

constexpr Millis kFirstRetry{1'000};

}  // namespace

SubscriptionSet::SubscriptionSet(const std::string& connection, std::vector<Subscription> subscriptions,
                                 const MqttOptions& options, const Clock& clock, MetricsRegistry& metrics)
    : connection_(connection),
      options_(options),
      clock_(clock),
      refused_gauge_(metrics.GetGauge("sluice_mqtt_subscriptions_refused", "Subscriptions that the broker refuses.",
                                      {{"connection", connection}})) {
  for (Subscription& subscription : subscriptions) {
    items_.push_back(Item{.subscription = std::move(subscription),
                          .backoff = Backoff(kFirstRetry, options.max_reconnect_interval, RandomSeed())});
  }
}

void SubscriptionSet::OnUp(const ConnectResult& result) {
  bool keep = result.session_present && subscribed_before_;
  identifiers_ = result.limits.subscription_identifiers;
  unresponsive_ = false;
  for (Item& item : items_) {
    if (item.state == State::kLeft || (keep && item.state == State::kGranted)) continue;
    item.state = State::kWanted;
    item.due = clock_.Now();
  }
  subscribed_before_ = true;
}

void SubscriptionSet::OnDown() {
  leaving_.clear();
  for (Item& item : items_) {
    if (item.state == State::kAsked) item.state = State::kWanted;
    item.token.reset();
  }
}

SteadyTime SubscriptionSet::Advance(Client& client) {
  SteadyTime next = kNever;
  int64_t refused = 0;
  for (Item& item : items_) {
    if (item.state == State::kAsked) ReadAnswer(item);
    bool asks = item.state == State::kWanted || item.state == State::kRefused;
    if (asks && clock_.Now() >= item.due) Ask(item, client);
    if (item.state == State::kRefused) ++refused;
    if (item.state != State::kGranted && item.state != State::kLeft) next = std::min(next, item.due);
  }
  refused_gauge_.Set(refused);
  return next;
}

void SubscriptionSet::Ask(Item& item, Client& client) {
  // Retained messages were sent when the broker first granted it; a second SUBSCRIBE of this process or an older one
  // is not to bring them again (MQTT 5.0 §3.8.3.1, Retain Handling 1).
  item.token = client.Subscribe(item.subscription, identifiers_, /*retained_on_new_only=*/!options_.clean_session);
  item.due = clock_.Now() + options_.connect_timeout;
  // Not sent: the connection is going, and OnDown will follow.
  if (item.token) item.state = State::kAsked;
}

void SubscriptionSet::ReadAnswer(Item& item) {
  RequestResult result = Client::ResultOf(item.token);
  const std::string& filter = item.subscription.filter;
  switch (result.state) {
    case RequestResult::State::kPending:
      if (clock_.Now() >= item.due) unresponsive_ = true;
      return;
    case RequestResult::State::kFailed:  // The connection is going.
      item.state = State::kWanted;
      item.due = clock_.Now() + kFirstRetry;
      return;
    case RequestResult::State::kGranted:
      item.state = State::kGranted;
      item.backoff.Reset();
      if (result.code < static_cast<uint8_t>(item.subscription.qos)) {
        log::Warning("mqtt subscription granted at a lower QoS than asked for",
                     {{"connection", connection_}, {"filter", filter}, {"qos", static_cast<int64_t>(result.code)}});
      } else {
        log::Info("mqtt subscribed",
                  {{"connection", connection_}, {"filter", filter}, {"qos", static_cast<int64_t>(result.code)}});
      }
      break;
    case RequestResult::State::kRefused: {
      item.state = State::kRefused;
      item.code = result.code;
      Millis delay = item.backoff.Next();
      item.due = clock_.Now() + delay;
      log::Error("mqtt subscription refused", {{"connection", connection_},
                                               {"filter", filter},
                                               {"reason", Describe(result.code)},
                                               {"retry_ms", static_cast<int64_t>(delay.count())}});
      break;
    }
  }
  item.token.reset();
}

void SubscriptionSet::LeaveShared(Client& client) {
  for (Item& item : items_) {
    if (!item.subscription.shared() || item.state == State::kLeft) continue;
    item.state = State::kLeft;
    item.token.reset();
    leaving_.push_back(client.Unsubscribe(item.subscription.filter));
  }
}

bool SubscriptionSet::left_shared() {
  return std::all_of(leaving_.begin(), leaving_.end(), [](const mqtt::token_ptr& token) {
    return Client::ResultOf(token).state != RequestResult::State::kPending;
  });
}

std::string SubscriptionSet::Detail() const {
  for (const Item& item : items_) {
    if (item.state != State::kRefused) continue;
    return "subscription '" + item.subscription.filter + "' refused: " + Describe(item.code);
  }
  for (const Item& item : items_) {
    if (item.state == State::kLeft) return "shared subscriptions left";
    if (item.state != State::kGranted) return "subscribing to '" + item.subscription.filter + "'";
  }
  return "";
}

std::string SubscriptionSet::Describe(uint8_t code) const {
  // MQTT 3.1.1 has one number for every failure (§3.9.3).
  if (!options_.mqtt5) return "0x80 failure: check the broker's permissions for this user";
  return DescribeReason(code);
}

}  // namespace sluice::paho
