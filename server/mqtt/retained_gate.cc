#include "server/mqtt/retained_gate.h"

#include "server/message/topic_matcher.h"

namespace sluice {
namespace {

constexpr uint8_t kSend = 0;
constexpr uint8_t kSendIfNew = 1;
constexpr uint8_t kSendNone = 2;

// `filter` of $share/GROUP/filter.
std::string_view WithoutShare(std::string_view text) {
  constexpr std::string_view kShare = "$share/";
  if (!text.starts_with(kShare)) return text;
  return text.substr(text.find('/', kShare.size()) + 1);
}

}  // namespace

RetainedGate::RetainedGate(std::span<const Subscription> subscriptions, bool mqtt5) {
  if (mqtt5) return;
  for (const Subscription& subscription : subscriptions) {
    items_.push_back(Item{.filter = std::string(WithoutShare(subscription.filter)),
                          .retained = subscription.retained,
                          .held = subscription.held});
  }
}

void RetainedGate::OnUp(bool session_present) {
  if (session_present) return;
  for (Item& item : items_) item.held = false;
}

void RetainedGate::Asked(size_t index) {
  if (index >= items_.size()) return;
  Item& item = items_[index];
  item.drops = item.retained == Retained::kNone || (item.retained == Retained::kNew && item.held);
}

void RetainedGate::Answered(size_t index, bool granted) {
  if (index < items_.size()) items_[index].held = granted;
}

void RetainedGate::Left(size_t index) {
  if (index < items_.size()) items_[index].held = false;
}

bool RetainedGate::Drops(std::string_view topic, bool dup) const {
  for (const Item& item : items_) {
    if (!item.drops || !FilterMatches(item.filter, topic)) continue;
    // One that comes again was let in before, and only its acknowledgement is missing.
    return item.retained == Retained::kNone || !dup;
  }
  return false;
}

Counter& UnwantedRetained(MetricsRegistry& metrics, const MqttOptions& options) {
  return metrics.GetCounter("sluice_mqtt_retained_dropped_total",
                            "Retained messages that MQTT 3.1.1 brought, and from.retained does not ask for.",
                            {{"connection", options.name}});
}

uint8_t RetainHandling(const Subscription& subscription, const MqttOptions& options, bool had) {
  // A second SUBSCRIBE of this process, after it had left a share to others, is not to bring them again.
  if (had || subscription.retained == Retained::kNone) return kSendNone;
  if (subscription.retained == Retained::kAll || options.clean_session) return kSend;
  return kSendIfNew;
}

}  // namespace sluice
