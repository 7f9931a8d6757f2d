// What replies may do, and how much of them is held.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "server/runtime/clock.h"

namespace sluice {

// What becomes of a reply that the broker refuses.
enum class OnRefused : uint8_t {
  kDeadLetter,  // Kept with the dead letters.
  kRetry,       // Published again and again; holds its place in the outbox.
  kDrop,        // Counted and logged.
};

// What becomes of a reply that the gateway itself refuses.
enum class OnDenied : uint8_t {
  kDeadLetter,  // Kept with the dead letters.
  kDrop,        // Counted and logged.
};

struct RepliesConfig {
  // Topic filters a reply's topic must match one of. Empty: everything but topics that begin with `$`.
  std::vector<std::string> allow;
  // Lets replies go to topics that one of the gateway's own routes on the same broker takes in again.
  bool allow_loops = false;
  // Largest payload of a reply, in bytes.
  size_t max_payload_bytes = 32u << 20;
  // How long a worker that asked waits for an outcome before it is told TIMEOUT.
  Millis result_timeout{30'000};
  // Replies not yet confirmed by a broker, over all connections. At a bound no more is delivered to workers, and no
  // more is read of them.
  size_t max_outstanding_messages = 10'000;
  size_t max_outstanding_bytes = 64u << 20;
  OnRefused on_refused = OnRefused::kDeadLetter;
  OnDenied on_denied = OnDenied::kDeadLetter;
  // Lets replies have control characters and non-characters in topics and properties, over which a broker may close the
  // connection (MQTT 5.0 §1.5.4).
  bool allow_control_characters = false;

  friend bool operator==(const RepliesConfig&, const RepliesConfig&) = default;
};

}  // namespace sluice
