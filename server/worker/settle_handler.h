// What a worker said becomes what happens: settles end messages, replies are checked and go to the outbox.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "server/queue/dispatcher.h"

namespace sluice {

class StreamGrants;

// Reply of sluice.v1, decoded.
struct WorkerReply {
  uint64_t delivery_id = 0;
  uint64_t reply_id = 0;  // 0: no result wanted.
  std::string topic;
  std::optional<uint32_t> qos;
  bool retain = false;
  std::string payload;
  std::unique_ptr<Properties> properties;  // Null when there are none.
  std::vector<std::pair<std::string, std::string>> metadata;
};

// Settle of sluice.v1, decoded.
struct WorkerSettle {
  uint64_t delivery_id = 0;
  Verdict verdict = Verdict::kAck;
  std::string reason;
  Millis retry_after{0};
  absl::InlinedVector<WorkerReply, 1> replies;
};

// Result of sluice.v1; the numbers are Result.Code's.
struct ItemResult {
  enum class Code : uint8_t {
    kOk = 0,
    kStale = 1,
    kInvalid = 2,
    kInvalidTopic = 3,
    kInvalidQos = 4,
    kDenied = 5,
    kTooLarge = 6,
    kTimeout = 7,
    kRefused = 8,
    kNotConnected = 9,
    kNotPublished = 10,
    kClipped = 11,
    kExpired = 12,
  };
  uint64_t reply_id = 0;
  uint64_t delivery_id = 0;
  Code code = Code::kOk;
  uint8_t mqtt_reason_code = 0;
  std::string message;
  uint32_t lease_ms = 0;  // kClipped.
};

// Where results go: the worker's stream.
class ResultSink {
 public:
  virtual ~ResultSink() = default;
  // From any thread; must not block. A stream that has ended forgets them.
  virtual void SendResults(std::vector<ItemResult> results) = 0;
  // What the worker's replies may be. Null: there are no rules.
  virtual const StreamGrants* grants() const { return nullptr; }
};

// Consumer of what workers send. Called by a session in the order of its frames.
class SettleHandler {
 public:
  virtual ~SettleHandler() = default;
  virtual void OnReplies(SessionId session, std::vector<WorkerReply> replies,
                         const std::shared_ptr<ResultSink>& results) = 0;
  virtual void OnSettles(SessionId session, std::vector<WorkerSettle> settles,
                         const std::shared_ptr<ResultSink>& results) = 0;
};

}  // namespace sluice
