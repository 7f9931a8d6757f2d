// How a chain's messages are kept, delivered and given up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "server/message/qos.h"
#include "server/runtime/clock.h"

namespace sluice {

// Which messages of a chain keep their order: none, those of one topic, or those whose topic has the same
// level `level` (1-based; a topic with fewer levels is its own key).
struct OrderBy {
  enum class Kind : uint8_t { kNone, kTopic, kLevel };
  Kind kind = Kind::kNone;
  uint32_t level = 0;

  friend bool operator==(const OrderBy&, const OrderBy&) = default;
};

// How dead letters are published: `auto` is the payload with user properties that tell why where MQTT 5 has them, and
// an envelope where it does not (3.1.1).
enum class DeadLetterFormat : uint8_t { kAuto, kPayload, kEnvelope };

struct ChainOptions {
  OrderBy order_by;
  Millis lease{30'000};         // What a delivery gets where the worker does not ask.
  Millis max_lease{600'000};    // Extends end here, counted from the delivery.
  uint32_t max_attempts = 5;    // Then the message is dead-lettered. At least 1.
  Millis retry_backoff{1'000};  // Before attempt 2; doubles with each, with jitter.
  Millis max_retry_backoff{60'000};
  size_t max_messages = 10'000;  // Waiting in the queue; in flight is bounded by the workers' windows.
  size_t max_bytes = 64u << 20;
  // Waiting in the journal for room in the queue; at a bound the connections that feed the chain rest. 0: as much as
  // all chains together leave free of the journal.
  size_t max_on_disk_messages = 0;
  size_t max_on_disk_bytes = 0;
  std::string dead_letter_topic;  // Empty: kept, not published.
  Qos dead_letter_qos = Qos::kAtLeastOnce;
  DeadLetterFormat dead_letter_format = DeadLetterFormat::kAuto;

  friend bool operator==(const ChainOptions&, const ChainOptions&) = default;
};

}  // namespace sluice
