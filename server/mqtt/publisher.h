// What the gateway asks of the side of an MQTT client that publishes: it takes batches and says what became of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "server/message/message.h"
#include "server/mqtt/connection_state.h"
#include "server/runtime/clock.h"

namespace sluice {

struct Outgoing {
  uint64_t token = 0;  // The caller's name for it, given back in the outcome.
  std::shared_ptr<const OutboundMessage> message;
  bool wait_for_connection = false;  // QoS 0 only: hold it while disconnected instead of failing it.
};

struct PublishOutcome {
  // kExpired: its expiry was over before it could be published. kNoConnection: the connection is not configured any more.
  enum class Code : uint8_t { kOk, kNotConnected, kRefused, kTooLarge, kInvalidQos, kExpired, kNoConnection };
  static constexpr size_t kCodes = 7;
  uint64_t token = 0;
  Code code = Code::kOk;
  uint8_t mqtt_reason_code = 0;  // With kRefused (MQTT 5.0 §2.4).
  // Given back with a failure, so that the caller need not keep what goes well. Null with kOk.
  std::shared_ptr<const OutboundMessage> message = nullptr;
};

class PublishListener {
 public:
  virtual ~PublishListener() = default;
  // One outcome for each Outgoing, in batches: confirmed (PUBACK, PUBCOMP; QoS 0: written) or failed for good. From a
  // driver's thread; must not block.
  virtual void OnOutcomes(std::span<const PublishOutcome> outcomes) = 0;
};

// One egress connection to a broker. Keeps what is handed over, in order, until the broker has confirmed it, over any
// number of reconnects; publishes within a window below the broker's Receive Maximum. The caller bounds
// how much it hands over. Thread-safe.
class Publisher {
 public:
  virtual ~Publisher() = default;
  virtual void Start() = 0;
  // Returns at once.
  virtual void Publish(std::vector<Outgoing> batch) = 0;
  // What waits and whose expiry is over gets its outcome soon, not only when its turn comes. Returns at once.
  virtual void DropExpired() = 0;
  // Waits until everything handed over has had its outcome, or `deadline`; returns what is still open.
  virtual size_t Flush(SteadyTime deadline) = 0;
  // Disconnects, at the latest at `deadline`; no OnOutcomes follows. Idempotent.
  virtual void Stop(SteadyTime deadline) = 0;
  // After Stop(): all that has had no outcome, in order, for another connection to publish. Waits for a thread that had to
  // be left behind, for half a minute at most: then an error, for nobody can say.
  virtual absl::StatusOr<std::vector<Outgoing>> TakeOpen() = 0;
  virtual ConnectionState State() const = 0;
};

}  // namespace sluice
