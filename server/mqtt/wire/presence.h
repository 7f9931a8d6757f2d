// Tells others whether the gateway is there: a message when a connection comes up, and the broker's will for when it
// goes. Does no I/O of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "server/message/message.h"
#include "server/mqtt/options.h"
#include "server/mqtt/protocol/client.h"

namespace sluice::wire {

// Of one Client; not thread-safe.
class Presence {
 public:
  // Without a status all of it does nothing.
  explicit Presence(const std::optional<MqttStatus>& status);

  bool any() const { return online_ != nullptr; }
  std::optional<ConnectOptions::Will> will() const;

  // CONNACK came: says that the gateway is there, before anything else is published.
  void Announce(Client& client, bool session_present);

  // Its messages have tokens of their own in the client.
  bool Owns(uint64_t token) const { return token >= kFirstToken; }
  void OnPublished(uint64_t token);

  // How many of what the broker takes unacknowledged are left to others; at least 1, as FillsWindowOf() is asked too.
  uint16_t LeftOf(uint16_t receive_maximum) const;
  // Nothing else of QoS 1 and 2 may be published now.
  bool FillsWindowOf(const Connack& connack) const { return open_.size() >= connack.receive_maximum; }

 private:
  static constexpr uint64_t kFirstToken = uint64_t{1} << 63;

  std::shared_ptr<const OutboundMessage> online_;
  std::shared_ptr<const OutboundMessage> offline_;
  uint64_t next_token_ = kFirstToken;
  std::vector<uint64_t> open_;  // Not confirmed.
};

}  // namespace sluice::wire
