// The closed loop through a real broker, and its echo.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "bench/meter.h"

namespace sluice::bench {

struct LoadRun {
  std::string broker = "127.0.0.1:1883";
  bool mqtt5 = true;
  std::string topic = "bench/in";
  std::string reply_topic = "bench/out";
  uint8_t qos = 0;
  size_t payload_bytes = 128;  // At least SequenceBook::kTextSize.
  size_t outstanding = 100;    // Messages sent and not answered.
  RunLength length;
};

// Publishes on `topic`, takes replies on `reply_topic`, and prints SteadyRun's events and the result.
absl::Status Load(const LoadRun& run, const std::function<bool()>& should_stop);

// Publishes each message of `topic` to `reply_topic`. Prints {"event": "ready"} when it has subscribed.
absl::Status Echo(const LoadRun& run, const std::function<bool()>& should_stop);

}  // namespace sluice::bench
