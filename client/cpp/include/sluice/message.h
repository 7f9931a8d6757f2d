// What a handler is given: one attempt at one MQTT message.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::client {

// How the route says the payload is to be read. Nobody has checked that it can be.
enum class DataType : std::uint8_t { kUnspecified = 0, kJson = 1, kText = 2, kBinary = 3 };

// A view into the frame it came in: nothing is copied. Every view is valid until the handler returns; copy what is to
// live longer. Field by field as in proto/sluice/v1/worker.proto, Delivery.
struct Message {
  Message() = default;
  Message(const Message&) = delete;  // A copy would look as if it owned its bytes.
  Message& operator=(const Message&) = delete;
  Message(Message&&) = default;
  Message& operator=(Message&&) = default;
  ~Message() = default;

  // This attempt, on this stream. Never 0.
  std::uint64_t delivery_id = 0;
  // The message: the same in every attempt. What a worker that must not act twice remembers.
  std::string_view message_id;
  std::string_view route;
  std::string_view chain;
  // The node of the chain to start at; empty: the first.
  std::string_view start_node;
  // The topic it was published to (not the filter).
  std::string_view topic;
  std::string_view payload;
  std::uint32_t qos = 0;  // 0, 1 or 2.
  bool retain = false;
  bool dup = false;
  DataType data_type = DataType::kUnspecified;
  // When the gateway received it, by the gateway's clock: milliseconds since the Unix epoch.
  std::int64_t received_unix_ms = 0;
  // How long it had been in the gateway when the frame was made.
  std::chrono::milliseconds age{0};
  // How long the gateway waits for the settle. The SDK extends it for as long as the handler runs.
  std::chrono::milliseconds lease{0};
  // 1 for the first.
  std::uint32_t attempt = 0;
  // Messages of one chain with an equal non-empty key come one after the other. Empty: in no order.
  std::string_view ordering_key;

  // MQTT 5.0 §3.3.2.3. Empty where the publisher gave none.
  std::string_view content_type;
  std::string_view response_topic;
  std::string_view correlation_data;
  std::vector<std::pair<std::string_view, std::string_view>> user_properties;
  // Seconds left before the message expires; absent: never.
  std::optional<std::uint32_t> expiry_s;
  // What the route's `headersToMetadata` made of the user properties.
  std::vector<std::pair<std::string_view, std::string_view>> metadata;
};

}  // namespace sluice::client
