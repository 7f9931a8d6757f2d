#include "server/mqtt/wire/presence.h"

#include <algorithm>

namespace sluice::wire {
namespace {

std::shared_ptr<const OutboundMessage> MessageOf(const MqttStatus& status, const std::string& payload, Qos qos,
                                                 bool retain) {
  auto message = std::make_shared<OutboundMessage>();
  message->topic = status.topic;
  message->payload = payload;
  message->qos = qos;
  message->retain = retain;
  return message;
}

}  // namespace

Presence::Presence(const std::optional<MqttStatus>& status) {
  if (!status) return;
  online_ = MessageOf(*status, status->online, status->qos, status->retain);
  offline_ = MessageOf(*status, status->offline, status->qos, status->retain);
}

std::optional<ConnectOptions::Will> Presence::will() const {
  if (!any()) return std::nullopt;
  return ConnectOptions::Will{.message = offline_};
}

void Presence::Announce(Client& client, bool session_present) {
  if (!any()) return;
  if (!session_present) open_.clear();
  // One of QoS 2 that the broker has half of is its own: it would take another with that identifier for the same, and
  // the will has been published in between.
  for (const uint64_t token : open_) client.Publish(token, *online_);
  const uint64_t token = next_token_++;
  if (client.Publish(token, *online_) && online_->qos != Qos::kAtMostOnce) open_.push_back(token);
}

void Presence::OnPublished(uint64_t token) { std::erase(open_, token); }

uint16_t Presence::LeftOf(uint16_t receive_maximum) const {
  return open_.size() < receive_maximum ? static_cast<uint16_t>(receive_maximum - open_.size()) : uint16_t{1};
}

}  // namespace sluice::wire
