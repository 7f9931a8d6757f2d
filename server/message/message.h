// An MQTT message on its way through the gateway: made once at intake, never changed, shared by all who need it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/message/qos.h"
#include "server/message/trace_context.h"
#include "server/runtime/clock.h"

namespace sluice {

using UserProperties = std::vector<std::pair<std::string, std::string>>;

// MQTT 5.0 §3.3.2.3. Empty strings stand for absent properties, save where absent and empty differ.
struct Properties {
  std::string content_type;
  std::string response_topic;
  std::optional<std::string> correlation_data;
  UserProperties user;
  std::optional<uint32_t> expiry_s;
};

// Immutable once shared.
struct Message {
  std::string_view topic;    // The actual topic, valid UTF-8, without wildcards.
  std::string_view payload;  // Any bytes.
  Qos qos = Qos::kAtMostOnce;
  bool retain = false;
  bool dup = false;
  std::unique_ptr<const Properties> properties;  // Null when there are none: the usual case.
  SteadyTime received;
  int64_t received_unix_ms = 0;
  std::unique_ptr<const MessageTrace> trace{};  // Null when it is not traced: the usual case.
  // Keeps the bytes behind topic and payload alive.
  std::shared_ptr<const void> storage;

  // What the bounds on bytes count: topic, payload and properties, and 64 for each user property.
  size_t bytes() const;
  // When it expires (MQTT 5.0 §3.3.2.3.3): kNever without an expiry interval.
  SteadyTime expires() const;
};

using MessagePtr = std::shared_ptr<const Message>;

// A message with a copy of topic and payload, all in one block of memory; `storage` stays null.
std::shared_ptr<Message> MakeMessage(std::string_view topic, std::string_view payload);

// The same message, whose bytes it keeps alive, with other properties.
std::shared_ptr<Message> WithProperties(const MessagePtr& message, std::unique_ptr<const Properties> properties);

// A message to be published, by value: a worker's reply or a dead letter.
struct OutboundMessage {
  std::string topic;
  std::string payload;
  Qos qos = Qos::kAtMostOnce;
  bool retain = false;
  std::unique_ptr<const Properties> properties;  // Null when there are none.
  // When it was made, from which its expiry counts. Of no meaning without one.
  SteadyTime made{};
  int64_t made_unix_ms = 0;

  // Topic, payload and properties.
  size_t bytes() const;
  // What it takes of memory until a broker has confirmed it, about: what the bounds of replies count.
  size_t footprint() const;
  // When it is not to be published any more: kNever without an expiry interval. An interval of 0 counts as a second.
  SteadyTime expires() const;
  // The Message Expiry Interval that is left at `now` (MQTT 5.0 §3.3.2.3.3). Nothing without one.
  std::optional<uint32_t> ExpiryLeft(SteadyTime now) const;
};

}  // namespace sluice
