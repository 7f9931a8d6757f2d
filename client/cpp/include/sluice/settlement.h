// What a handler answers: replies to publish, and what becomes of the message.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice::client {

// A message to publish. Where it goes: `topic`; else metadata "responseTopic"; else the message's own Response Topic;
// else nowhere, which is no error. With which QoS: `qos`; else metadata "responseQos"; else 0.
struct Reply {
  std::string topic = {};  // Without wildcards, at most 65,535 bytes of UTF-8.
  std::string payload = {};
  std::optional<std::uint32_t> qos = {};  // 0, 1 or 2.
  bool retain = false;
  // Chosen by you. Not 0: Options::on_result hears what became of the reply, under this id.
  std::uint64_t reply_id = 0;

  // MQTT 5.0 §3.3.2.3; dropped by the gateway on a connection that speaks 3.1.1.
  std::string content_type = {};
  std::string response_topic = {};
  // Absent: the message's own is echoed when the reply goes to the message's Response Topic.
  std::optional<std::string> correlation_data = {};
  std::vector<std::pair<std::string, std::string>> user_properties = {};
  std::optional<std::uint32_t> expiry_s = {};
  // RuleGo's way to name topic and QoS; with the route's `metadataToHeaders` the rest becomes user properties.
  std::vector<std::pair<std::string, std::string>> metadata = {};
};

enum class Outcome : std::uint8_t {
  kAck = 0,     // Done.
  kRetry = 1,   // Again later, here or on another worker; after the chain's `maxAttempts`, to the dead letters.
  kReject = 2,  // Never again: to the dead letters.
  kDrop = 3,    // Done, on purpose without effect; counted apart.
};

// An outcome with the replies that are published when, and only if, the gateway accepts it.
struct Settlement {
  Outcome outcome = Outcome::kAck;
  std::string reason = {};                   // For people and dead letters; the gateway keeps the first 1,024 bytes.
  std::chrono::milliseconds retry_after{0};  // kRetry: 0 leaves the pause to the gateway. At most an hour.
  std::vector<Reply> replies = {};           // Not published with kRetry: the next attempt brings its own.

  static Settlement Ack(std::vector<Reply> replies = {}) { return {.replies = std::move(replies)}; }
  static Settlement Retry(std::string reason, std::chrono::milliseconds after = {}) {
    return {.outcome = Outcome::kRetry, .reason = std::move(reason), .retry_after = after};
  }
  static Settlement Reject(std::string reason) { return {.outcome = Outcome::kReject, .reason = std::move(reason)}; }
  static Settlement Drop(std::string reason = {}) { return {.outcome = Outcome::kDrop, .reason = std::move(reason)}; }
};

// What became of one reply that had an id, or of an item that was in error (reply_id 0).
struct ItemResult {
  enum class Code : std::uint8_t {
    kOk = 0,     // Confirmed by the broker (QoS 1, 2), written to it (QoS 0), or without a topic and so not sent.
    kStale = 1,  // The delivery was not in flight any more: nothing was done.
    kInvalid = 2,
    kInvalidTopic = 3,
    kInvalidQos = 4,
    kDenied = 5,
    kTooLarge = 6,
    kTimeout = 7,
    kRefused = 8,  // By the broker: see mqtt_reason_code.
    kNotConnected = 9,
    kNotPublished = 10,  // Its settle was a RETRY.
    kClipped = 11,       // A lease cannot be extended any further. The SDK takes care of it.
    kExpired = 12,       // Its expiry was over before it could be published.
    kUnknown = 255,      // A code this SDK does not know: a failure.
  };
  std::uint64_t reply_id = 0;
  std::uint64_t delivery_id = 0;
  Code code = Code::kOk;
  std::uint32_t mqtt_reason_code = 0;  // MQTT 5.0 §2.4.
  std::string message;                 // For people.
};

}  // namespace sluice::client
